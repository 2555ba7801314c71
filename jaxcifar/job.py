"""One group from its folder to its summary: restore, train, save, score."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxcifar import (
    checkpoint,
    data,
    engine,
    folder,
    histograms,
    inside,
    plan,
    programs,
    record,
    reestimation,
    runtime,
    scoring,
    sources,
    summary,
    warm_start,
)
from jaxcifar.bookkeeping import batch_sizes
from jaxcifar.config import DataConfig
from jaxcifar.population import MemberRun
from jaxcifar.progress import Progress
from jaxcifar.saver import Saver
from jaxcifar.types import Images, Plan, Snapshot, Tree


class Job(NamedTuple):
    """A group to train: its plan, its images on the host, its folder."""

    plan: Plan
    members: tuple[MemberRun, ...]
    data: data.Dataset
    path: Path
    finished: bool


def split_rows(images: data.Dataset, config: DataConfig) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training images that train, and those of the validation part."""
    return data.split(len(images.train_labels), config.validation, config.split_seed)


def numerics(job: Job, machine: plan.Hardware) -> dict[str, Any]:
    """What decides a group's bits besides its members' identities."""
    program = job.plan.phases[0].program
    return {
        "backend": machine.backend, "device": machine.device_kind, "cores": machine.cores,
        "devices": program.devices, "lane": program.lane, "lowering": program.lowering,
        "jax": jax.__version__, "code": sources.digest(),
    }  # fmt: skip


def train_job(job: Job, machine: plan.Hardware, saved: Callable[[], None] = lambda: None) -> None:
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
        with runtime.signals() as signalled, Saver() as saver:
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
            except engine.Interrupted as stop:
                hooks.save(stop.snapshot)
                saver.wait()
                raise _stopped(job, stop.snapshot, signalled()) from None
            finally:
                progress.close()
        if signalled():  # after the last cut, while its writers were waited for
            raise _stopped(job, snapshot, signalled())
        finish(job, images, snapshot, averaged)


def _stopped(job: Job, snapshot: Snapshot, signum: int) -> runtime.Stopped:
    taken = f"step {snapshot.cursor.step} of {job.plan.n_step}"
    return runtime.Stopped(signum, f"stopped at {taken}; the same command continues")


def finish(
    job: Job, images: engine.GroupData, snapshot: Snapshot, averaged: Mapping[str, Tree]
) -> None:
    """Score a run that is over and look into it; summary.json comes last: it marks the end."""
    weights = summary.weight_sets(job.plan, snapshot, averaged)
    tested = summary.examine(job.plan, weights, test_images(job))
    config, path = job.members[0].config, job.path
    classes = data.CLASS_NAMES[config.data.name]
    table = summary.test_table(job.plan, classes, snapshot, tested)
    record.write_table(path / "test.npz", table)
    if config.eval.probes:
        record.write_table(path / "probes.npz", probe(job, weights[config.select]))
    content = summary.summarise(job.plan, job.members, images, snapshot, averaged, tested)
    record.write_json(path / "summary.json", content)


def probe(job: Job, weights: Tree) -> dict[str, np.ndarray]:
    """What `inside.probe` finds in a group's first weights and in these."""
    phase = job.plan.phases[0]
    first = programs.first_weights(phase.program, phase.numbers, warm_start.read(job.members))
    rows = split_rows(job.data, job.members[0].config.data)[0][: inside.N_IMAGE]
    shown = slice(inside.N_SAMPLE)
    sample = Images(job.data.test_images[shown], job.data.test_labels[shown])
    return inside.probe(job.plan, first, weights, job.data.train_images[rows], sample)


def _headline(job: Job, snapshot: Snapshot) -> str:
    step, program = snapshot.cursor.step, job.plan.phases[0].program
    how = "side by side" if program.lane == "vmap" else "one after another"
    begun = f"continues at step {step}" if step else f"{job.plan.n_step} steps"
    return (
        f"{job.plan.id}: {len(job.plan.members)} members {how}, {begun}, on {job.data.label} "
        f"({job.plan.n_train:,} training images)"
    )


def say(text: str) -> None:
    """Tell the user something, on standard error."""
    if text:
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def restore_or_start(job: Job) -> Snapshot:
    """The newest intact snapshot of a group, on its devices; a fresh one where there is none."""
    found = checkpoint.find(job.path / "checkpoints")
    if found is None:
        return engine.start(job.plan, warm_start.read(job.members))
    for message in found.damaged:
        say(f"passed over a damaged checkpoint: {message}")
    phase = job.plan.phases[found.cursor.phase]
    snapshot = checkpoint.restore(found, engine.blank(job.plan, found.cursor.phase))
    state = programs.place(snapshot.state, phase.program)
    best = programs.place(snapshot.best, phase.program)
    snapshot = snapshot._replace(state=state, best=best)
    _write_records(job, snapshot)  # cut the files back to what the snapshot holds
    return snapshot


def save(job: Job, snapshot: Snapshot) -> None:
    """Write the records, then a sealed checkpoint; the newest two checkpoints stay."""
    _write_records(job, snapshot)
    checkpoint.save(job.path / "checkpoints", snapshot, _scored(job, snapshot))
    checkpoint.prune(job.path / "checkpoints")


def _keep(job: Job, snapshot: Snapshot) -> None:
    checkpoint.keep(job.path / "checkpoints", snapshot, _scored(job, snapshot))


def _scored(job: Job, snapshot: Snapshot) -> Any:
    return engine.weights(job.plan.phases[snapshot.cursor.phase].program, snapshot.state)


def _write_records(job: Job, snapshot: Snapshot) -> None:
    sizes = batch_sizes(job.plan)
    taken = snapshot.cursor.step
    record.write_group(job.path, job.plan.members, snapshot.book, sizes, taken)
    if job.plan.histograms:
        table = histograms.table(job.plan, snapshot.book)
        record.write_table(job.path / "histograms.npz", table)


def group_data(job: Job) -> engine.GroupData:
    """The group's images on its devices. The test images are among them only if asked for."""
    config = job.members[0].config
    train_rows, val_rows = split_rows(job.data, config.data)

    def of_training_set(rows: np.ndarray) -> Images:
        return _on_device(job, job.data.train_images[rows], job.data.train_labels[rows])

    train = of_training_set(train_rows)
    split, _, augmented = config.select_on.partition("_")
    selection = {
        "train": lambda: train,
        "test": lambda: test_images(job),
        "validation": lambda: of_training_set(val_rows),
    }[split]()
    scored = {"train_eval": train, "val": selection} if config.eval.train else {"val": selection}
    return engine.GroupData(train, scored, frozenset({"val"} if augmented else ()))


def average(
    job: Job, images: engine.GroupData, snapshot: Snapshot, stop: Callable[[], bool]
) -> dict[str, Tree]:
    """The averaged weights of a run that is over, by their kind, kept for good; or nothing.

    Raises: engine.Interrupted: `stop` said so; the pass is done again when the run continues.
    """
    kind, state = job.plan.phases[-1].program.average, snapshot.state
    if kind == "none":
        return {}
    try:
        weights = reestimation.reestimate(
            job.plan, images.train, state.average.params, state.batch_stats, stop
        )
    except scoring.Stopped:
        raise engine.Interrupted(snapshot) from None
    checkpoint.keep_average(job.path / "checkpoints", kind, weights, snapshot.cursor)
    return {kind: weights}


def test_images(job: Job) -> Images:
    """The test set on the group's devices."""
    return _on_device(job, job.data.test_images, job.data.test_labels)


def _on_device(job: Job, images: np.ndarray, labels: np.ndarray) -> Images:
    program = job.plan.phases[0].program
    return programs.replicate(Images(images, labels.astype(np.int32)), program)
