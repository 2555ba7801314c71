"""The table of schedules, what goes around each of them, and a population's rates."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.core.errors import UserError, unknown
from jaxcifar.schedules import curves
from jaxcifar.schedules.clock import Array, Clock
from jaxcifar.schedules.plateau import PlateauState, plateau_step

# Around any schedule: a warm-up before it, and the ramp of weight averaging after it.
WARMUP: dict[str, Any] = {"warmup": 0.0}
RAMP: dict[str, Any] = {"swa_start": None, "swa_lr": None, "swa_ramp": None}
RAMP_EPOCHS = 10  # PyTorch's default


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

    @property
    def follows_length(self) -> str:
        """The config field by which its rates depend on the run's epochs, if they do."""
        row = SCHEDULES[self.name]
        left = [name for name, value in self.options.items()
                if value is None and name not in RAMP and name not in row.required]  # fmt: skip
        return f"schedule.{left[0]}" if left else f"schedule.name={self.name!r}"

    def rate(self, lr0: float, clock: Clock) -> Array:
        """Rates from the clock alone, float64 of the shape of `clock.step`."""
        rate = self._before_ramp(lr0, clock)
        if self.options.get("swa_start") is not None:
            rate = self._ramped(rate, lr0, clock)
        return np.broadcast_to(rate, np.shape(clock.step)).astype(np.float64)

    def warm_up(self, clock: Clock) -> Array:
        """The share of the rate that is in force: ``(step + 1) / warm-up steps``, then 1."""
        steps = clock.in_steps(self.options["warmup"])
        return np.minimum((np.asarray(clock.step) + 1) / max(steps, 1), 1.0)

    def _before_ramp(self, lr0: float, clock: Clock) -> Array:
        own = {k: v for k, v in self.options.items() if k not in WARMUP and k not in RAMP}
        after = clock.after(clock.in_steps(self.options["warmup"]))
        return SCHEDULES[self.name].fn(lr0, after, **own) * self.warm_up(clock)

    def _ramped(self, rate: Array, lr0: float, clock: Clock) -> Array:
        start, target = self.options["swa_start"], self.options["swa_lr"]
        ramp = RAMP_EPOCHS if self.options["swa_ramp"] is None else self.options["swa_ramp"]
        first = self._before_ramp(lr0, clock._replace(step=start * clock.steps_per_epoch))
        share = np.minimum((clock.epoch - start) / ramp, 1.0)
        return np.where(clock.epoch >= start, first + (target - first) * share, rate)


def _row(fn: Callable[..., Array], *required: str, **options: Any) -> ScheduleRow:
    return ScheduleRow(fn, options | WARMUP | RAMP, required)


_PLATEAU: dict[str, Any] = {
    "factor": 0.1,
    "patience": 10,
    "threshold": 1e-4,
    "threshold_mode": "rel",
    "cooldown": 0,
    "min_lr": 0.0,
}

# To add one: a function of lr0 and the clock (any of step, epoch, position) in curves.py, and a
# row here, which names the options that must be given. Defaults are PyTorch's where it has them.
SCHEDULES: Mapping[str, ScheduleRow] = {
    "constant": _row(curves.constant),
    "step": _row(curves.step, "step_size", step_size=None, factor=0.1),
    "multi_step": _row(curves.multi_step, "milestones", milestones=None, factor=0.1),
    "exponential": _row(curves.exponential, "factor", factor=None),
    "cosine": _row(curves.cosine, t_max=None, min_lr=0.0),
    "warm_restarts": _row(curves.warm_restarts, "t_0", t_0=None, t_mult=1, min_lr=0.0),
    "one_cycle": _row(curves.one_cycle, pct_start=0.3, div_factor=25.0, final_div_factor=1e4),
    "plateau": ScheduleRow(curves.constant, _PLATEAU | WARMUP, feedback=True),
}

_LOWEST = {
    "step_size": 1, "t_max": 1, "t_0": 1, "t_mult": 1, "patience": 0, "cooldown": 0,
    "warmup": 0, "swa_start": 0, "swa_ramp": 1,
}  # fmt: skip


def make_schedule(name: str, **options: Any) -> Schedule:
    """The schedule of that name; durations are in epochs, options not given have their default.

    Each is the closed form of PyTorch's of that name. Around it:

    * `warmup` epochs (a fraction is allowed) in which the rate rises linearly, step by step, to
      the schedule's first rate; the schedule then runs as if the run began there. Plateau counts
      observations all along.
    * From the start of epoch `swa_start`, a linear ramp, epoch by epoch, from the rate in force
      to `swa_lr` in `swa_ramp` epochs (10), and `swa_lr` from then on (arXiv:1803.05407).

    Raises:
        UserError: unknown name or option, a required option not given, one without effect, a
            duration out of range.
    """
    if name not in SCHEDULES:
        raise unknown("schedule", name, SCHEDULES)
    row = SCHEDULES[name]
    for option, value in options.items():
        if option not in row.options:
            raise UserError(
                f"schedule {name!r} has no option {option!r}\n"
                f"it takes: {', '.join(sorted(row.options))}"
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
    _check_ramp(resolved)
    return Schedule(name, resolved)


def _check_ramp(options: Mapping[str, Any]) -> None:
    given = [option for option in RAMP if options.get(option) is not None]
    if given and "swa_start" not in given:
        raise UserError(f"{given[0]} has no effect without swa_start\ngive swa_start, in epochs")
    if given and "swa_lr" not in given:
        raise UserError("swa_start needs swa_lr, the rate to ramp to\ngive it a value")


def rates(schedules: Sequence[Schedule], lr0: Array, clock: Clock, plateau: PlateauState) -> Array:
    """Learning rates (M, S), float64, of M members with any mixture of schedules at S steps.

    Members whose schedule has `feedback` have the rate in force, `plateau.rate`, once warmed up.

    Args:
        schedules: M.
        lr0: (M,) initial rates.
        clock: of the S steps; between two observations where any schedule has feedback.
        plateau: from `plateau_init` or the last `observe`.
    """
    return np.stack(
        [
            plateau.rate[m] * schedule.warm_up(clock)
            if schedule.feedback
            else schedule.rate(float(lr0[m]), clock)
            for m, schedule in enumerate(schedules)
        ]
    )


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


def _with_rows(old: Array, rows: list[int], new: Array) -> Array:
    out = old.copy()
    out[rows] = new
    return out
