"""Runs one group from any snapshot to its end: phases, segments, and events at the cuts."""

import bisect
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxcifar import programs
from jaxcifar.core import kill_points
from jaxcifar.core.signals import Interrupted
from jaxcifar.core.types import Cursor, Images, Phase, Plan, Program, Snapshot, Tree
from jaxcifar.evaluation import scoring, weight_histograms
from jaxcifar.evaluation.group_images import GroupImages
from jaxcifar.landscape import training_probes
from jaxcifar.landscape.moment import Moment
from jaxcifar.programs import param_dtype, stream_of, weights
from jaxcifar.training.book import (
    ROW_FIELDS,
    new_book,
    train_means,
    write_histograms,
    write_probe,
    write_steps,
)


class Hooks(NamedTuple):
    """What the surroundings want to know or decide; the run's numbers never depend on them."""

    save: Callable[[Snapshot], None]
    keep: Callable[[Snapshot], None]
    progress: Callable[[Plan, Snapshot], None]
    stop: Callable[[], bool]


def start(plan: Plan, given: Mapping[int, Tree] = MappingProxyType({})) -> Snapshot:
    """The snapshot before the first step.

    Rows that are `given` start with those weights (NumPy, without a member axis), the others with
    draws from their seeds.
    """
    program = plan.phases[0].program
    state = programs.init_state(program, plan.phases[0].numbers, given)
    best = jax.tree.map(lambda leaf: leaf.copy(), weights(program, state))
    book = new_book(plan)
    if plan.histograms:
        write_histograms(book, weight_histograms.measure(program, best["params"]), 0)
    return Snapshot(state, best, book, Cursor(phase=0, step=0, due=False))


def blank(plan: Plan, phase: int) -> Snapshot:
    """The shapes and dtypes of a snapshot in a phase, without computing anything."""
    return Snapshot(*programs.blank(plan, phase), new_book(plan), Cursor(phase, 0, False))


def run_group(plan: Plan, data: GroupImages, snapshot: Snapshot, hooks: Hooks) -> Snapshot:
    """Train from `snapshot` to the plan's end; the same bits wherever the snapshot was taken.

    Raises: Interrupted: `hooks.stop` said so; its snapshot continues the run exactly.
    """
    for index in range(snapshot.cursor.phase, len(plan.phases)):
        phase = plan.phases[index]
        if index > snapshot.cursor.phase:
            snapshot = enter(plan, index, snapshot)
        numbers = programs.place(phase.numbers, phase.program)
        while True:
            if snapshot.cursor.due:
                snapshot = run_events(plan, data, snapshot, numbers, hooks)
            if hooks.stop():
                raise Interrupted(snapshot)
            if snapshot.cursor.step >= phase.stop:
                break
            if any(training_probes.due(plan, snapshot.cursor.step)):
                snapshot = probe(plan, phase, data.train, snapshot, numbers)
            snapshot = train_segment(plan, phase, data.train, snapshot, numbers)
            hooks.progress(plan, snapshot)
    return snapshot


def enter(plan: Plan, index: int, snapshot: Snapshot) -> Snapshot:
    """Begin a phase: trained weights and statistics stay, the optimizer state is fresh."""
    before, phase, book = plan.phases[index - 1], plan.phases[index], snapshot.book
    params = weights(before.program, snapshot.state)["params"]
    numbers = programs.place(phase.numbers, phase.program)
    opt_state = programs.fresh_opt_state(phase.program, params, numbers)
    return snapshot._replace(
        state=snapshot.state._replace(params=params, opt_state=opt_state),
        book=book if phase.plateau is None else book._replace(plateau=phase.plateau),
        cursor=snapshot.cursor._replace(phase=index),
    )


def next_cut(plan: Plan, phase: Phase, step: int) -> int:
    """The first step after `step` at which a segment must end."""
    epoch_start = step - phase.locate(step)[1]
    short = epoch_start + phase.visits // phase.program.batch  # where the short batch stands
    ends = [phase.stop, epoch_start + phase.steps_per_epoch, step + phase.program.segment]
    if step < short:
        ends.append(short)
    for due in plan.events:
        at = bisect.bisect_right(due, step)
        ends.extend(due[at : at + 1])
    return min(ends)


def probe(plan: Plan, phase: Phase, images: Images, snapshot: Snapshot, numbers: Any) -> Snapshot:
    """Look at the step that follows in every way that is due; nothing changes but the Book.

    Before the step, and after all events: who continues from here looks again, and sees the same.
    """
    began = time.perf_counter()
    step, book = snapshot.cursor.step, snapshot.book
    program, epoch, row = phase.batch_after(step)
    rates = phase.rates(book.plateau, np.array([step]))[:, 0]
    at = Moment(
        program, snapshot.state, numbers, rates.astype(param_dtype(program.dtype)),
        stream_of(phase, epoch), images, programs.span(step, step + 1, row),
    )  # fmt: skip
    for look, index in training_probes.due(plan, step):
        seen = look.measure(plan, at)
        kill_points.reach("probe")
        write_probe(book, look.noted, seen, index)
    seconds = book.seconds + (time.perf_counter() - began)
    return snapshot._replace(book=book._replace(seconds=seconds))


def train_segment(
    plan: Plan, phase: Phase, images: Images, snapshot: Snapshot, numbers: Any
) -> Snapshot:
    """Take the steps up to the next cut and write them into the Book."""
    began = time.perf_counter()
    first = snapshot.cursor.step
    stop = next_cut(plan, phase, first)
    program, epoch, row = phase.batch_after(first)
    rates = phase.rates(snapshot.book.plateau, np.arange(first, stop))
    padded = np.zeros((len(plan.members), program.segment), param_dtype(program.dtype))
    padded[:, : stop - first] = rates
    state, records = programs.make_segment(program)(
        snapshot.state,
        numbers,
        programs.place(padded, program),
        stream_of(phase, epoch),
        images,
        programs.replicate(programs.span(first, stop, row), program),
    )
    kill_points.reach("segment")
    records = programs.host(records, program)
    seen = {name: value[:, : stop - first] for name, value in records.items()}
    book = write_steps(snapshot.book, seen | {"lr": rates}, first, stop)
    book = book._replace(seconds=book.seconds + (time.perf_counter() - began))
    return snapshot._replace(
        state=state, book=book, cursor=snapshot.cursor._replace(step=stop, due=True)
    )


def run_events(
    plan: Plan, data: GroupImages, snapshot: Snapshot, numbers: Any, hooks: Hooks
) -> Snapshot:
    """What is due at this cut, in one fixed order.

    Evaluate, choose best, plateau, average, keep, save: a stop can only come while evaluating, of
    which nothing is left then. Kept before saved, as a run that continues from the saved snapshot
    is past this cut's events.
    """
    step, began = snapshot.cursor.step, time.perf_counter()
    if step in plan.events.evaluate:
        try:
            snapshot = evaluate(plan, data, snapshot, numbers, hooks.stop)
        except Interrupted:
            raise Interrupted(snapshot) from None
    phase = plan.phases[snapshot.cursor.phase]
    if phase.locate(step)[1] == 0:
        snapshot = _step_plateau(plan, phase, snapshot)
    if step in plan.events.average:
        snapshot = _extend_average(phase.program, snapshot)
    book = snapshot.book
    book = book._replace(seconds=book.seconds + (time.perf_counter() - began))
    snapshot = snapshot._replace(book=book, cursor=snapshot.cursor._replace(due=False))
    if step in plan.events.evaluate:
        hooks.progress(plan, snapshot)
    if step in plan.events.keep:
        hooks.keep(snapshot)
    if step in plan.events.save:
        hooks.save(snapshot)
    return snapshot


def _extend_average(program: Program, snapshot: Snapshot) -> Snapshot:
    state = snapshot.state
    params = weights(program, state)["params"]
    average = programs.extend_average(state.average, params, state.alive)
    return snapshot._replace(state=state._replace(average=programs.place(average, program)))


def evaluate(
    plan: Plan, data: GroupImages, snapshot: Snapshot, numbers: Any, stop: Callable[[], bool]
) -> Snapshot:
    """Score every member, write a row, and keep the weights of whoever is strictly better."""
    book, step = snapshot.book, snapshot.cursor.step
    row = dict.fromkeys(ROW_FIELDS, np.nan) | train_means(plan, book, step)
    program = plan.phases[snapshot.cursor.phase].program
    for split, images in data.scored.items():
        loss, accuracy = scoring.score(
            program, weights(program, snapshot.state), numbers, images, plan.score_batch, stop,
            augmented_at=step if split in data.augmented else None,
        )  # fmt: skip
        row |= {f"{split}_loss": loss, f"{split}_accuracy": accuracy}
    index = plan.events.evaluate.index(step)
    row["seconds"] = book.seconds[0]
    for name in ROW_FIELDS:
        book.rows[name][:, index] = row[name]
    if plan.histograms:
        seen = weight_histograms.measure(program, weights(program, snapshot.state)["params"])
        write_histograms(book, seen, index + 1)
    alive = programs.host(snapshot.state.alive, program)
    told = alive & np.isfinite(row["val_loss"])  # of NaN, too, some class is the largest
    better = told & (np.asarray(row["val_accuracy"]) > book.best_value)
    best = programs.choose(
        programs.place(better, program), weights(program, snapshot.state), snapshot.best
    )
    book = book._replace(
        best_value=np.where(better, row["val_accuracy"], book.best_value),
        best_step=np.where(better, step, book.best_step),
    )
    return snapshot._replace(book=book, best=best)


def _step_plateau(plan: Plan, phase: Phase, snapshot: Snapshot) -> Snapshot:
    index = bisect.bisect_left(plan.events.evaluate, snapshot.cursor.step)
    if plan.events.evaluate[index : index + 1] != (snapshot.cursor.step,):
        return snapshot  # no plateau member: the planner asks for an evaluation every epoch
    losses = snapshot.book.rows["val_loss"][:, index]
    plateau = phase.plateau_step(snapshot.book.plateau, losses)
    return snapshot._replace(book=snapshot.book._replace(plateau=plateau))
