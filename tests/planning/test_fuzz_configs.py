"""Configs at random: planned, or refused in words; no traceback, and none takes long."""

import random
import time
import warnings

import numpy as np
import pytest
from config_leaves import LEAVES, NASTY

from jaxcifar import cli, losses, models, optim, schedules
from jaxcifar.config import Config, Study, population, replace
from jaxcifar.core.errors import UserError
from jaxcifar.core.hardware import Hardware
from jaxcifar.optim import averaging
from jaxcifar.planning import plan

STUDY = Study("s", replace(Config(), {
    "data.name": "synthetic", "model.name": "cnn", "model.filters": (4, 4, 4),
}))  # fmt: skip
NAMES = {"model": models.MODELS, "optim": optim.OPTIMIZERS, "schedule": schedules.SCHEDULES,
         "loss": losses.LOSSES, "average": averaging.AVERAGES}  # fmt: skip
SECONDS = 5


def mutation(rng):
    """A few overrides, most for components that could take them."""
    given = {}
    for _ in range(rng.choice((1, 1, 2, 3))):
        path = rng.choice(list(LEAVES))
        section = path.partition(".")[0]
        if section in NAMES and rng.random() < 0.7:
            given[f"{section}.name"] = rng.choice(list(NAMES[section]))
        given[path] = rng.choice(NASTY)
    return given


def planned(given):
    """A plan of the mutated study; None where it is refused."""
    try:
        study, _ = cli.apply_overrides(STUDY, list(given.items()))
        rows = population.expand(study, lambda config: "data")
        return plan.make_plan(rows, 40, Hardware("cpu", "cpu", 1, 2))
    except UserError as error:
        assert 1 <= len(str(error).splitlines()) <= 3, given
        return None


@pytest.mark.reliability("T20")
@pytest.mark.parametrize("count", [100, pytest.param(4000, marks=pytest.mark.slow)])
def test_mutated_configs_are_planned_or_refused(count, tried):
    rng, taken = random.Random(count), 0
    for _ in range(count):
        given, began = mutation(rng), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            made = planned(given)
        assert time.process_time() - began < SECONDS, given
        if made is not None:
            taken += 1
            for phase in made.phases:
                rates = phase.rates(made.phases[0].plateau, np.arange(phase.start, phase.stop))
                assert np.isfinite(rates).all() and phase.program.batch >= 1, given
    assert 0 < taken < count
    tried(count)
