"""Learning rates on the host, in float64: the kind of schedule is never compiled structure."""

from jaxcifar.schedules.clock import Clock
from jaxcifar.schedules.plateau import PlateauState, plateau_init, plateau_step
from jaxcifar.schedules.table import SCHEDULES, Schedule, ScheduleRow, make_schedule, observe, rates

__all__ = [
    "SCHEDULES",
    "Clock",
    "PlateauState",
    "Schedule",
    "ScheduleRow",
    "make_schedule",
    "observe",
    "plateau_init",
    "plateau_step",
    "rates",
]
