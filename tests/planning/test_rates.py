"""Schedules over the real steps of a run: what gives no usable rate is refused at planning."""

import numpy as np
import pytest
import tiny

from jaxcifar.config import Stage, replace
from jaxcifar.core.errors import UserError

ONE_EPOCH = {"train.epochs": 1, "schedule.warmup": 0.97}  # of 4 steps: rounded, all of them
NONE_LEFT = "schedule.warmup=0.97 epochs are 4 of the schedule's 4 steps: none is left to"


def make_plan(changes):
    return tiny.make_plan(base=replace(tiny.BASE, changes), n_train=64)


@pytest.mark.parametrize("changes, words", [
    *((ONE_EPOCH | {"schedule.name": name, **options}, f"{NONE_LEFT} '{name}'")
      for name, options in (
          ("constant", {}), ("cosine", {}), ("one_cycle", {}), ("plateau", {}),
          ("step", {"schedule.step_size": 1}), ("multi_step", {"schedule.milestones": (1,)}),
          ("exponential", {"schedule.factor": 0.9}), ("warm_restarts", {"schedule.t_0": 1}))),
    ({"train.epochs": 4, "stages": (Stage(0.75, {"schedule.name": "cosine", "optim.lr": 0.1,
                                                 "schedule.warmup": 0.97}),)}, NONE_LEFT),
    ({"schedule.name": "exponential", "schedule.factor": 10.0, "train.epochs": 400},
     "'exponential' gives no finite learning rate at step 164 of 1,600"),
    ({"schedule.name": "one_cycle", "schedule.div_factor": 1e-300}, "no finite learning rate"),
    ({"schedule.name": "plateau", "optim.lr": 1e60}, "optim.lr=1e+60 is out of range"),
    ({"optim.lr": 1e-60}, "learning rate 0 in all of its steps"),
    ({"schedule.name": "exponential", "schedule.factor": 0.0, "train.epochs": 4,
      "stages": (Stage(0.5, {"optim.momentum": 0.5}),)}, "learning rate 0 in all of stages.0"),
])  # fmt: skip
def test_schedules_without_a_usable_rate_are_refused(changes, words):
    with pytest.raises(UserError) as error:
        make_plan(changes)
    assert words in str(error.value) and len(str(error.value).splitlines()) <= 3


@pytest.mark.parametrize("changes, last", [
    (ONE_EPOCH | {"schedule.warmup": 0.85, "schedule.name": "cosine"}, 0.01),  # 3 of 4 steps
    ({"optim.lr": 0.0}, 0.0),  # asked for: weights come out as they went in
    ({"schedule.name": "exponential", "schedule.factor": 0.0}, 0.0),  # after the first epoch
])  # fmt: skip
def test_schedules_that_end_low_are_the_user_s_own(changes, last):
    phase = make_plan(changes).phases[0]
    rates = phase.rates(phase.plateau, np.arange(phase.start, phase.stop))
    assert rates[0, -1] == pytest.approx(last)
