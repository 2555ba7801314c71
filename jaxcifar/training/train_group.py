"""One group from its folder to its summary: restore, train, save, score."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxcifar import data, programs
from jaxcifar.checkpoints import first_weights, snapshots
from jaxcifar.checkpoints.writer import Saver
from jaxcifar.core import hardware, processes, signals, switches
from jaxcifar.core.console import say
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Images, Snapshot, Tree
from jaxcifar.evaluation import (
    batch_norm,
    group_images,
    probes,
    summary,
    weight_histograms,
)
from jaxcifar.evaluation.group_images import on_devices, test_images
from jaxcifar.landscape import training_probes
from jaxcifar.planning import lanes
from jaxcifar.planning.group import Group, split_rows
from jaxcifar.records import code_digest, folder, formats, metrics
from jaxcifar.training import engine
from jaxcifar.training.book import lengthened
from jaxcifar.training.progress import Progress


def numerics(group: Group, machine: hardware.Hardware) -> dict[str, Any]:
    """What decides a group's bits besides its members' identities.

    On a CPU its devices share one pool of threads: their number counts, used or not.
    """
    program = group.plan.phases[0].program
    others = machine.backend == "cpu" and machine.devices > 1
    return {
        "backend": machine.backend, "device": machine.device_kind, "cores": machine.cores,
        "devices": program.devices, "lane": program.lane, "lowering": program.lowering,
        "jax": jax.__version__, "code": code_digest.digest(),
        **({"host devices": machine.devices} if others else {}),
        **({"data": program.data} if program.data > 1 else {}),
        **({"processes": machine.processes} if machine.processes > 1 else {}),
        **switches.recorded(),
    }  # fmt: skip


def train_group(
    group: Group, machine: hardware.Hardware, saved: Callable[[], None] = lambda: None
) -> None:
    """Train one group to its end and score its test set; continues what its folder holds.

    `saved` is called whenever records and a checkpoint were written.

    Raises: UserError: another process trains it, or it was begun on other numerics. Stopped: a
        signal came before its end was scored; everything so far is saved.
    """
    with _opened(group, machine):
        snapshot = processes.together(lambda: restore_or_start(group))
        _require_same_step(snapshot)
        say(_headline(group, snapshot) + _mesh(group, machine))
        progress = Progress(group.plan, snapshot.cursor.step)
        with signals.signals() as signalled, Saver() as saver:
            hooks = engine.Hooks(
                save=lambda snap: saver.take(snap, partial(save, group), saved),
                keep=lambda snap: saver.take(snap, partial(_keep_weights, group)),
                progress=progress,
                stop=lambda: processes.any_of(bool(signalled())),
            )
            try:
                images = on_devices(group)
                snapshot = engine.run_group(group.plan, images, snapshot, hooks)
                averaged = average(group, images, snapshot, hooks.stop)
            except signals.Interrupted as stop:
                hooks.save(stop.snapshot)
                saver.wait()
                raise _stopped(group, stop.snapshot, signalled()) from None
            finally:
                progress.close()
        if hooks.stop():  # after the last cut, while its writers were waited for
            raise _stopped(group, snapshot, signalled())
        finish(group, images, snapshot, averaged)


@contextmanager
def _opened(group: Group, machine: hardware.Hardware) -> Iterator[None]:
    """Within, its folder is this run's: locked, and made or found to be continued."""
    strict, ids = group.members[0].config.deterministic, list(group.plan.members)
    with ExitStack() as held:

        def claim() -> None:
            held.enter_context(folder.locked(group.path))
            say(folder.open_group(group.path, ids, numerics(group, machine), strict))

        processes.first(claim)
        yield


def _require_same_step(snapshot: Snapshot) -> None:
    """Raises: UserError: processes that see other checkpoints, as on disks of their own."""
    steps = processes.gathered(str(snapshot.cursor.step))
    for number, step in enumerate(steps):
        if step != steps[0]:
            raise UserError(
                f"process {number} finds the checkpoint of step {step}, process 0 that of step "
                f"{steps[0]}\nput the run folder where all hosts see the same: --workdir"
            )


def _stopped(group: Group, snapshot: Snapshot, signum: int) -> signals.Stopped:
    """A stop that a signal asked for, here (`signum`) or in another process (0)."""
    taken = f"step {snapshot.cursor.step} of {group.plan.n_step}"
    return signals.Stopped(
        signum or signal.SIGTERM, f"stopped at {taken}; the same command continues"
    )


def finish(
    group: Group, images: group_images.GroupImages, snapshot: Snapshot, averaged: Mapping[str, Tree]
) -> None:
    """Score a run that is over and look into it; summary.json comes last: it marks the end."""
    program = group.plan.phases[-1].program
    fate = programs.host(snapshot.state.bad_step, program)
    snapshot = snapshot._replace(state=snapshot.state._replace(bad_step=fate))
    weights = summary.weight_sets(group.plan, snapshot, averaged)
    tested = summary.examine(group.plan, weights, test_images(group))
    config, path = group.members[0].config, group.path
    classes = data.CLASS_NAMES[config.data.name]
    table = summary.test_table(group.plan, classes, snapshot, tested)
    content = summary.summarise(group.plan, group.members, images, snapshot, averaged, tested)
    shown = programs.host(weights[config.select], program) if config.eval.probes else {}
    if processes.leads():
        formats.write_table(path / "test.npz", table)
        if shown:
            formats.write_table(path / "probes.npz", probe(group, shown))
        formats.write_json(path / "summary.json", content)


def probe(group: Group, weights: Tree) -> dict[str, np.ndarray]:
    """What `inside.probe` finds in a group's first weights and in these."""
    phase = group.plan.phases[0]
    first = programs.first_weights(phase.program, phase.numbers, first_weights.read(group.members))
    rows = split_rows(group.data, group.members[0].config.data)[0][: probes.N_IMAGE]
    shown = slice(probes.N_SAMPLE)
    sample = Images(group.data.test_images[shown], group.data.test_labels[shown])
    return probes.probe(group.plan, first, weights, group.data.train_images[rows], sample)


def _headline(group: Group, snapshot: Snapshot) -> str:
    step, program = snapshot.cursor.step, group.plan.phases[0].program
    how = lanes.SAID[program.lane]
    begun = f"continues at step {step}" if step else f"{group.plan.n_step} steps"
    return (
        f"{group.plan.id}: {len(group.plan.members)} members {how}, {begun}, on {group.data.label} "
        f"({group.plan.n_train:,} training images)"
    )


def _mesh(group: Group, machine: hardware.Hardware) -> str:
    """``, on 2 x 4 of 8 devices``: along members and along batches; nothing of a single one."""
    program = group.plan.phases[0].program
    spread = f", on {program.devices} x {program.data} of {machine.devices} devices"
    return spread if machine.devices > 1 else ""


def restore_or_start(group: Group) -> Snapshot:
    """The newest intact snapshot of a group, on its devices; a fresh one where there is none."""
    found = snapshots.find(group.path / "checkpoints")
    if found is None:
        return engine.start(group.plan, first_weights.read(group.members))
    for message in found.damaged:
        say(f"passed over a damaged checkpoint: {message}")
    phase = group.plan.phases[found.cursor.phase]
    snapshot = snapshots.restore(found, engine.blank(group.plan, found.cursor.phase))
    state = programs.place(snapshot.state, phase.program)
    best = programs.place(snapshot.best, phase.program)
    book = lengthened(group.plan, snapshot.book)
    snapshot = snapshot._replace(state=state, best=best, book=book)
    if processes.leads():
        _write_records(group, snapshot)  # cut the files back to what the snapshot holds
    return snapshot


def save(group: Group, snapshot: Snapshot) -> None:
    """Write the records, then a sealed checkpoint; the newest two checkpoints stay."""
    if not processes.leads():
        return
    folder.require_there(group.path)
    snapshot = _without_padding(group, snapshot)
    _write_records(group, snapshot)
    snapshots.save(group.path / "checkpoints", snapshot, _scored(group, snapshot))
    snapshots.prune(group.path / "checkpoints")


def _keep_weights(group: Group, snapshot: Snapshot) -> None:
    if not processes.leads():
        return
    folder.require_there(group.path)
    snapshot = _without_padding(group, snapshot)
    snapshots.keep(group.path / "checkpoints", snapshot, _scored(group, snapshot))


def _without_padding(group: Group, snapshot: Snapshot) -> Snapshot:
    """A snapshot as it is kept, on the host: it goes on from there on devices of any number."""
    program = group.plan.phases[snapshot.cursor.phase].program
    state, best = programs.host((snapshot.state, snapshot.best), program)
    return snapshot._replace(state=state, best=best)


def _scored(group: Group, snapshot: Snapshot) -> Any:
    return programs.weights(group.plan.phases[snapshot.cursor.phase].program, snapshot.state)


def _write_records(group: Group, snapshot: Snapshot) -> None:
    sizes = group.plan.batch_sizes()
    taken = snapshot.cursor.step
    metrics.write_group(group.path, group.plan.members, snapshot.book, sizes, taken)
    if group.plan.histograms:
        table = weight_histograms.table(group.plan, snapshot.book)
        formats.write_table(group.path / "histograms.npz", table)
    for name, table in training_probes.tables(group.plan, snapshot.book, taken):
        formats.write_table(group.path / name, table)


def average(
    group: Group, images: group_images.GroupImages, snapshot: Snapshot, stop: Callable[[], bool]
) -> dict[str, Tree]:
    """The averaged weights of a run that is over, by their kind, kept for good; or nothing.

    Raises: signals.Interrupted: `stop` said so; the pass is done again when the run continues.
    """
    kind, state = group.plan.phases[-1].program.average, snapshot.state
    if kind == "none":
        return {}
    try:
        weights = batch_norm.reestimate(
            group.plan, images.train, state.average.params, state.batch_stats, stop
        )
    except signals.Interrupted:
        raise signals.Interrupted(snapshot) from None
    kept = programs.host(weights, group.plan.phases[-1].program)
    if processes.leads():
        snapshots.keep_average(group.path / "checkpoints", kind, kept, snapshot.cursor)
    return {kind: weights}
