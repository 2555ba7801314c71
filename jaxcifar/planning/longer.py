"""Whether a run that was begun for some epochs can go on for more, to the bits of one begun so."""

from collections.abc import Sequence

import numpy as np

from jaxcifar.config.population import MemberRun
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Cursor, Phase, Plan
from jaxcifar.planning.resolve import resolve_stages


def require_same(before: Plan, now: Plan, members: Sequence[MemberRun], taken: Cursor) -> None:
    """Make sure that the steps taken so far are those of the longer run, too.

    Args:
        before: the plan that the run was begun with.
        now: the same for more epochs; all else is equal.
        members: rows of `now`.
        taken: how far the run is.

    Raises: UserError: a step, an evaluation or an average would have been another; it names the
        field that makes it depend on the length.
    """
    field = _depends(before, now, members, taken)
    if field is not None:
        epochs = [round(plan.epochs_after(plan.n_step)) for plan in (before, now)]
        raise UserError(
            f"this run was begun for {epochs[0]} epochs and is at step {taken.step:,}, where one "
            f"of {epochs[1]} epochs would have done otherwise: {field} depends on train.epochs\n"
            "train as long as it was begun for, or anew in another --workdir"
        )


def _depends(before: Plan, now: Plan, members: Sequence[MemberRun], taken: Cursor) -> str | None:
    """The field by which what was done until `taken` depends on the run's length; None = none."""
    config, plateau = members[0].config, before.phases[0].plateau
    for index in range(taken.phase + 1):
        one, two = before.phases[index], now.phases[index]
        if index < taken.phase and one.stop != two.stop:
            return f"stages.{index}.at={config.stages[index].at!r}"
        plateau = plateau if one.plateau is None else one.plateau
        row = _other_rates(one, two, plateau, taken.step)
        if row is not None:
            path = resolve_stages(members[row].config)[index].schedule.follows_length
            return f"stages.{index - 1}.{path}" if index else path
    if _until(before.events.evaluate, taken.step) != _until(now.events.evaluate, taken.step):
        return f"eval.every={config.eval.every!r}"
    if _until(before.events.average, taken.step) != _until(now.events.average, taken.step):
        return "average.start"
    return None


def _until(events: Sequence[int], step: int) -> list[int]:
    return [event for event in events if event <= step]


def _other_rates(before: Phase, now: Phase, plateau: object, taken: int) -> int | None:
    """The first member whose rates differ in the steps taken; None = they are the same."""
    steps = np.arange(before.start, min(before.stop, taken))
    one, two = (phase.rates(plateau, steps) for phase in (before, now))
    rows = np.flatnonzero((one != two).any(axis=1))
    return int(rows[0]) if rows.size else None
