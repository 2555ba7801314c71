"""Learning rates of a population at steps of its run, and that there are any."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcifar import schedules
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Phase
from jaxcifar.planning.resolve import Resolved


def at_steps(
    kinds: Sequence[schedules.Schedule], lr0: np.ndarray, steps_per_epoch: int, epochs: int,
    shift: int, plateau: Any, steps: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Rates (M, S) at steps of the run, by the time since the schedule began (steps + `shift`)."""
    clock = schedules.Clock(steps + shift, steps_per_epoch, epochs)
    return schedules.rates(kinds, lr0, clock, plateau)


def require_room(kinds: Sequence[schedules.Schedule], steps_per_epoch: int, epochs: int) -> None:
    """Make sure that a warm-up, rounded to steps, leaves some to the schedule after it.

    Raises: UserError: it does not.
    """
    clock = schedules.Clock(0, steps_per_epoch, epochs)
    for schedule in kinds:
        warmup = schedule.options["warmup"]
        if clock.in_steps(warmup) >= clock.n_step:
            raise UserError(
                f"schedule.warmup={warmup!r} epochs are {clock.in_steps(warmup)} of the schedule's "
                f"{clock.n_step} steps: none is left to {schedule.name!r}\n"
                "give less warm-up, smaller batches, or train longer"
            )


def require_learning(
    members: Sequence[str], phases: Sequence[Phase], resolved: Sequence[Sequence[Resolved]]
) -> None:
    """Make sure that each schedule gives a rate at every real step, and some rate in every stage.

    A factor may leave none: seen at the steps themselves, in float32 as training takes them. Where
    ``optim.lr=0`` asks for no rate, there is none.

    Raises: UserError: a rate that is not finite; a stage of which all rates are 0.
    """
    plateau = phases[0].plateau
    for stage, (phase, meanings) in enumerate(zip(phases, resolved, strict=True)):
        plateau = plateau if phase.plateau is None else phase.plateau
        with np.errstate(all="ignore"):  # what comes of it is told below
            found = phase.rates(plateau, np.arange(phase.start, phase.stop)).astype(np.float32)
        for m, row in enumerate(found):
            lost = np.flatnonzero(~np.isfinite(row))
            if lost.size or (plateau.rate[m] > 0 and not row.any()):
                _refuse(members[m], stage, phase, meanings[m].schedule, lost)


def _refuse(
    member: str, stage: int, phase: Phase, schedule: schedules.Schedule, lost: np.ndarray
) -> None:
    where = f"stages.{stage - 1}" if stage else "its steps"
    what = (
        f"gives no finite learning rate at step {phase.start + lost[0]:,}"
        if lost.size
        else f"gives learning rate 0 in all of {where}"
    )
    given = {k: v for k, v in schedule.options.items() if v not in (None, 0.0)}
    said = ", ".join(f"{name}={value!r}" for name, value in given.items()) or "no options"
    raise UserError(
        f"member {member!r}: schedule.name={schedule.name!r} {what} of {phase.stop:,}\n"
        f"it has {said}; {'the stage' if stage else 'the run'} has "
        f"{phase.stop - phase.start:,} steps, {phase.steps_per_epoch:,} an epoch\n"
        "give other factors or another optim.lr"
    )
