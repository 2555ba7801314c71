"""One group from its folder to its summary: restore, train, save, score."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxcifar import data, programs
from jaxcifar.checkpoints import first_weights, snapshots
from jaxcifar.checkpoints.writer import Saver
from jaxcifar.core import hardware, signals, switches
from jaxcifar.core.console import say
from jaxcifar.core.types import Images, Snapshot, Tree
from jaxcifar.evaluation import (
    batch_norm,
    group_images,
    probes,
    summary,
    weight_histograms,
)
from jaxcifar.evaluation.group_images import group_data, test_images
from jaxcifar.planning.group import Job, split_rows
from jaxcifar.records import code_digest, folder, formats, tables
from jaxcifar.training import engine
from jaxcifar.training.book import lengthened
from jaxcifar.training.progress import Progress


def numerics(job: Job, machine: hardware.Hardware) -> dict[str, Any]:
    """What decides a group's bits besides its members' identities.

    On a CPU its devices share one pool of threads: their number counts, used or not.
    """
    program = job.plan.phases[0].program
    others = machine.backend == "cpu" and machine.devices > 1
    return {
        "backend": machine.backend, "device": machine.device_kind, "cores": machine.cores,
        "devices": program.devices, "lane": program.lane, "lowering": program.lowering,
        "jax": jax.__version__, "code": code_digest.digest(),
        **({"host devices": machine.devices} if others else {}), **switches.recorded(),
    }  # fmt: skip


def train_job(
    job: Job, machine: hardware.Hardware, saved: Callable[[], None] = lambda: None
) -> None:
    """Train one group to its end and score its test set; continues what its folder holds.

    `saved` is called whenever records and a checkpoint were written.

    Raises: UserError: another process trains it, or it was begun on other numerics. Stopped: a
        signal came before its end was scored; everything so far is saved.
    """
    with folder.locked(job.path):
        strict = job.members[0].config.deterministic
        ids = [member.id for member in job.members]
        say(folder.open_group(job.path, ids, numerics(job, machine), strict))
        snapshot = restore_or_start(job)
        say(_headline(job, snapshot))
        progress = Progress(job.plan, snapshot.cursor.step)
        with signals.signals() as signalled, Saver() as saver:
            hooks = engine.Hooks(
                save=lambda snap: saver.take(snap, partial(save, job), saved),
                keep=lambda snap: saver.take(snap, partial(_keep, job)),
                progress=progress,
                stop=lambda: bool(signalled()),
            )
            try:
                images = group_data(job)
                snapshot = engine.run_group(job.plan, images, snapshot, hooks)
                averaged = average(job, images, snapshot, hooks.stop)
            except signals.Interrupted as stop:
                hooks.save(stop.snapshot)
                saver.wait()
                raise _stopped(job, stop.snapshot, signalled()) from None
            finally:
                progress.close()
        if signalled():  # after the last cut, while its writers were waited for
            raise _stopped(job, snapshot, signalled())
        finish(job, images, snapshot, averaged)


def _stopped(job: Job, snapshot: Snapshot, signum: int) -> signals.Stopped:
    taken = f"step {snapshot.cursor.step} of {job.plan.n_step}"
    return signals.Stopped(signum, f"stopped at {taken}; the same command continues")


def finish(
    job: Job, images: group_images.GroupData, snapshot: Snapshot, averaged: Mapping[str, Tree]
) -> None:
    """Score a run that is over and look into it; summary.json comes last: it marks the end."""
    weights = summary.weight_sets(job.plan, snapshot, averaged)
    tested = summary.examine(job.plan, weights, test_images(job))
    config, path = job.members[0].config, job.path
    classes = data.CLASS_NAMES[config.data.name]
    table = summary.test_table(job.plan, classes, snapshot, tested)
    formats.write_table(path / "test.npz", table)
    if config.eval.probes:
        formats.write_table(path / "probes.npz", probe(job, weights[config.select]))
    content = summary.summarise(job.plan, job.members, images, snapshot, averaged, tested)
    formats.write_json(path / "summary.json", content)


def probe(job: Job, weights: Tree) -> dict[str, np.ndarray]:
    """What `inside.probe` finds in a group's first weights and in these."""
    phase = job.plan.phases[0]
    first = programs.first_weights(phase.program, phase.numbers, first_weights.read(job.members))
    rows = split_rows(job.data, job.members[0].config.data)[0][: probes.N_IMAGE]
    shown = slice(probes.N_SAMPLE)
    sample = Images(job.data.test_images[shown], job.data.test_labels[shown])
    return probes.probe(job.plan, first, weights, job.data.train_images[rows], sample)


def _headline(job: Job, snapshot: Snapshot) -> str:
    step, program = snapshot.cursor.step, job.plan.phases[0].program
    how = "side by side" if program.lane == "vmap" else "one after another"
    begun = f"continues at step {step}" if step else f"{job.plan.n_step} steps"
    return (
        f"{job.plan.id}: {len(job.plan.members)} members {how}, {begun}, on {job.data.label} "
        f"({job.plan.n_train:,} training images)"
    )


def restore_or_start(job: Job) -> Snapshot:
    """The newest intact snapshot of a group, on its devices; a fresh one where there is none."""
    found = snapshots.find(job.path / "checkpoints")
    if found is None:
        return engine.start(job.plan, first_weights.read(job.members))
    for message in found.damaged:
        say(f"passed over a damaged checkpoint: {message}")
    phase = job.plan.phases[found.cursor.phase]
    snapshot = snapshots.restore(found, engine.blank(job.plan, found.cursor.phase))
    state = programs.place(snapshot.state, phase.program)
    best = programs.place(snapshot.best, phase.program)
    book = lengthened(job.plan, snapshot.book)
    snapshot = snapshot._replace(state=state, best=best, book=book)
    _write_records(job, snapshot)  # cut the files back to what the snapshot holds
    return snapshot


def save(job: Job, snapshot: Snapshot) -> None:
    """Write the records, then a sealed checkpoint; the newest two checkpoints stay."""
    _write_records(job, snapshot)
    snapshots.save(job.path / "checkpoints", snapshot, _scored(job, snapshot))
    snapshots.prune(job.path / "checkpoints")


def _keep(job: Job, snapshot: Snapshot) -> None:
    snapshots.keep(job.path / "checkpoints", snapshot, _scored(job, snapshot))


def _scored(job: Job, snapshot: Snapshot) -> Any:
    return programs.weights(job.plan.phases[snapshot.cursor.phase].program, snapshot.state)


def _write_records(job: Job, snapshot: Snapshot) -> None:
    sizes = job.plan.batch_sizes()
    taken = snapshot.cursor.step
    tables.write_group(job.path, job.plan.members, snapshot.book, sizes, taken)
    if job.plan.histograms:
        table = weight_histograms.table(job.plan, snapshot.book)
        formats.write_table(job.path / "histograms.npz", table)


def average(
    job: Job, images: group_images.GroupData, snapshot: Snapshot, stop: Callable[[], bool]
) -> dict[str, Tree]:
    """The averaged weights of a run that is over, by their kind, kept for good; or nothing.

    Raises: signals.Interrupted: `stop` said so; the pass is done again when the run continues.
    """
    kind, state = job.plan.phases[-1].program.average, snapshot.state
    if kind == "none":
        return {}
    try:
        weights = batch_norm.reestimate(
            job.plan, images.train, state.average.params, state.batch_stats, stop
        )
    except signals.Interrupted:
        raise signals.Interrupted(snapshot) from None
    snapshots.keep_average(job.path / "checkpoints", kind, weights, snapshot.cursor)
    return {kind: weights}
