"""Learning rates on the host, in float64: the kind of schedule is never compiled structure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.errors import UserError, unknown

Array = np.ndarray


class Clock(NamedTuple):
    """The time of some steps of a run, on every scale a schedule may need.

    `step` is an int64 array, counted from 0, or one number; `epochs` is the length of the run.
    """

    step: Array | int
    steps_per_epoch: int
    epochs: int

    @property
    def epoch(self) -> Array:
        """Whole epochs finished before the step, int64 of the shape of `step`."""
        return np.asarray(self.step) // self.steps_per_epoch

    @property
    def position(self) -> Array:
        """Epochs finished before the step, with the fraction of the current one, float64."""
        return np.asarray(self.step) / self.steps_per_epoch


class PlateauState(NamedTuple):
    """What reduce-on-plateau remembers, one float64 entry a member: plain arrays to checkpoint."""

    best: Array
    bad: Array
    cooldown: Array
    rate: Array


class ScheduleRow(NamedTuple):
    """A rate ``fn(lr0, clock, **options) -> float64 array of the shape of clock.step``.

    `options` maps names to defaults; None stands for the run's epochs or, where `required`, for
    nothing. A row with `feedback` has its rate set by `observe` instead, and `fn` gives the rate
    before any observation.
    """

    fn: Callable[..., Array]
    options: Mapping[str, Any]
    required: tuple[str, ...] = ()
    feedback: bool = False


class Schedule(NamedTuple):
    """A row of `SCHEDULES` with all its options; made by `make_schedule`."""

    name: str
    options: Mapping[str, Any]

    @property
    def feedback(self) -> bool:
        """Whether measured values move the rate (plateau)."""
        return SCHEDULES[self.name].feedback

    def rate(self, lr0: float, clock: Clock) -> Array:
        """Rates from the clock alone, float64 of the shape of `clock.step`."""
        return np.broadcast_to(
            SCHEDULES[self.name].fn(lr0, clock, **self.options), np.shape(clock.step)
        ).astype(np.float64)


def _constant(lr0: float, clock: Clock, **options: Any) -> Array:
    del clock, options
    return np.asarray(lr0)


def _step(lr0: float, clock: Clock, step_size: int, factor: float) -> Array:
    return lr0 * np.float64(factor) ** (clock.epoch // step_size)


def _multi_step(lr0: float, clock: Clock, milestones: Sequence[int], factor: float) -> Array:
    passed = np.searchsorted(np.sort(milestones), clock.epoch, side="right")
    return lr0 * np.float64(factor) ** passed


def _exponential(lr0: float, clock: Clock, factor: float) -> Array:
    return lr0 * np.float64(factor) ** clock.epoch


def _cosine(lr0: float, clock: Clock, t_max: int | None, min_lr: float) -> Array:
    length = clock.epochs if t_max is None else t_max
    return min_lr + (lr0 - min_lr) * (1 + np.cos(np.pi * clock.epoch / length)) / 2


def _warm_restarts(lr0: float, clock: Clock, t_0: int, t_mult: int, min_lr: float) -> Array:
    epoch = np.asarray(clock.epoch)
    start, length = np.zeros_like(epoch), np.full_like(epoch, t_0)
    while np.any(over := epoch >= start + length):
        start, length = start + over * length, np.where(over, length * t_mult, length)
    return min_lr + (lr0 - min_lr) * (1 + np.cos(np.pi * (epoch - start) / length)) / 2


_PLATEAU = {
    "factor": 0.1,
    "patience": 10,
    "threshold": 1e-4,
    "threshold_mode": "rel",
    "cooldown": 0,
    "min_lr": 0.0,
}

# To add one: a function of lr0 and the clock (any of step, epoch, position), and a row here.
# Defaults are PyTorch's where it has them.
SCHEDULES: Mapping[str, ScheduleRow] = {
    "constant": ScheduleRow(_constant, {}),
    "step": ScheduleRow(_step, {"step_size": None, "factor": 0.1}, ("step_size",)),
    "multi_step": ScheduleRow(_multi_step, {"milestones": None, "factor": 0.1}, ("milestones",)),
    "exponential": ScheduleRow(_exponential, {"factor": None}, ("factor",)),
    "cosine": ScheduleRow(_cosine, {"t_max": None, "min_lr": 0.0}),
    "warm_restarts": ScheduleRow(
        _warm_restarts, {"t_0": None, "t_mult": 1, "min_lr": 0.0}, ("t_0",)
    ),
    "plateau": ScheduleRow(_constant, _PLATEAU, feedback=True),
}

_LOWEST = {"step_size": 1, "t_max": 1, "t_0": 1, "t_mult": 1, "patience": 0, "cooldown": 0}


def make_schedule(name: str, **options: Any) -> Schedule:
    """The schedule of that name; durations are in epochs, options not given have their default.

    All change at the ends of epochs, and each is the closed form of PyTorch's of that name.

    Raises:
        UserError: unknown name or option, a required option not given, a duration out of range.
    """
    if name not in SCHEDULES:
        raise unknown("schedule", name, SCHEDULES)
    row = SCHEDULES[name]
    for option, value in options.items():
        if option not in row.options:
            raise UserError(
                f"schedule {name!r} has no option {option!r}\n"
                f"it takes: {', '.join(sorted(row.options)) or 'none'}"
            )
        lowest = _LOWEST.get(option)
        if lowest is not None and value is not None and value < lowest:
            raise UserError(f"schedule {name!r}: {option} is {value}\nat least {lowest} is allowed")
    resolved = {**row.options, **options}
    for option in row.required:
        if resolved[option] is None:
            raise UserError(f"schedule {name!r} needs {option}\ngive it a value")
    if resolved.get("threshold_mode", "rel") not in ("rel", "abs"):
        raise UserError(f"unknown threshold_mode {resolved['threshold_mode']!r}\nuse rel or abs")
    return Schedule(name, resolved)


def rates(schedules: Sequence[Schedule], lr0: Array, clock: Clock, plateau: PlateauState) -> Array:
    """Learning rates (M, S), float64, of M members with any mixture of schedules at S steps.

    Members whose schedule has `feedback` have the rate in force, `plateau.rate`, at all steps.

    Args:
        schedules: M.
        lr0: (M,) initial rates.
        clock: of the S steps; between two observations where any schedule has feedback.
        plateau: from `plateau_init` or the last `observe`.
    """
    return np.stack(
        [
            np.full(np.shape(clock.step), plateau.rate[m], np.float64)
            if schedule.feedback
            else schedule.rate(float(lr0[m]), clock)
            for m, schedule in enumerate(schedules)
        ]
    )


def plateau_init(lr0: Array) -> PlateauState:
    """The state before the first observation: nothing seen, the initial rates (M,) in force."""
    rate = np.array(lr0, np.float64)
    zero = np.zeros_like(rate)
    return PlateauState(best=np.full_like(rate, np.inf), bad=zero, cooldown=zero, rate=rate)


def observe(schedules: Sequence[Schedule], state: PlateauState, metric: Array) -> PlateauState:
    """The state after a measurement (M,) at the end of an epoch; others than plateau stay as set.

    Call it once an epoch with the value to minimise (the mean validation loss).
    """
    rows = [m for m, schedule in enumerate(schedules) if schedule.feedback]
    if not rows:
        return state
    options = {name: np.array([schedules[m].options[name] for m in rows]) for name in _PLATEAU}
    part = PlateauState(*(field[rows] for field in state))
    part = plateau_step(part, np.asarray(metric, np.float64)[rows], **options)
    return PlateauState(*(_with_rows(old, rows, new) for old, new in zip(state, part, strict=True)))


def plateau_step(
    state: PlateauState,
    metric: Array,
    *,
    factor: Any,
    patience: Any,
    threshold: Any,
    threshold_mode: Any,
    cooldown: Any,
    min_lr: Any,
) -> PlateauState:
    """One observation by the rules of PyTorch's ReduceLROnPlateau in mode "min".

    Better means below ``best * (1 - threshold)`` ("rel") or ``best - threshold`` ("abs"); NaN is
    not better. More than `patience` observations in a row that are not better multiply the rate
    by `factor`, not below `min_lr`; changes of 1e-8 or less are not made. During the `cooldown`
    observations after that none counts as bad. Every option is one value or one a member.

    Args:
        state: of (M,) members.
        metric: (M,) float64.
    """
    relative = np.asarray(threshold_mode) == "rel"
    share, distance = np.where(relative, threshold, 0.0), np.where(relative, 0.0, threshold)
    better = metric < state.best * (1 - share) - distance
    cooling = state.cooldown > 0
    bad = np.where(better | cooling, 0.0, state.bad + 1)
    reduce = bad > patience
    lower = np.maximum(state.rate * factor, min_lr)
    return PlateauState(
        best=np.where(better, metric, state.best),
        bad=np.where(reduce, 0.0, bad),
        cooldown=np.where(reduce, cooldown, np.where(cooling, state.cooldown - 1, state.cooldown)),
        rate=np.where(reduce & (state.rate - lower > 1e-8), lower, state.rate),
    )


def _with_rows(old: Array, rows: list[int], new: Array) -> Array:
    out = old.copy()
    out[rows] = new
    return out
