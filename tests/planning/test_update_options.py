"""From config fields to the parts of an update: what is refused, and what reaches its part."""

import numpy as np
import pytest
import tiny

from jaxcifar.config import Config, population, replace
from jaxcifar.core.errors import UserError
from jaxcifar.planning import resolve


@pytest.mark.parametrize("path, value", [
    ("optim.rho", -0.1), ("optim.b1", 1.0), ("loss.alpha", -1.0), ("loss.gamma", -0.5),
    ("loss.l1", -1e-5), ("loss.l1", float("nan")), ("schedule.factor", -0.1),
    ("schedule.milestones", (20, 10)), ("schedule.milestones", ()), ("schedule.milestones", (0,)),
    ("schedule.pct_start", 1.0), ("schedule.div_factor", 0.0), ("schedule.warmup", -1.0),
    ("schedule.swa_lr", float("inf")),
])  # fmt: skip
def test_out_of_range_is_refused_by_name(path, value):
    with pytest.raises(UserError, match=f"{path}=.* is out of range\nallowed: "):
        replace(Config(), {path: value})


@pytest.mark.parametrize("overrides, words", [
    ({"optim.name": "sgd", "optim.b1": 0.9}, "optim.b1=0.9 has no effect on 'sgd'"),
    ({"optim.name": "adam", "optim.rho": 0.1}, "optim.rho=0.1 has no effect on 'adam'"),
    ({"optim.name": "schedule_free_sgd", "optim.momentum": 0.9}, "has no effect on"),
    ({"optim.name": "schedule_free_adamw", "optim.b1": 0.0}, "optim.b1=0.0 stops"),
    ({"optim.name": "sam", "optim.accumulation": "carry"}, "is not defined for 'sam'"),
    ({"loss.alpha": 0.25}, "loss.alpha=0.25 has no effect on 'cross_entropy'"),
    ({"loss.name": "focal", "loss.smoothing": 0.1}, "loss.smoothing=0.1 has no effect on 'focal'"),
    ({"schedule.milestones": (3,)}, "has no effect on 'constant'"),
    ({"schedule.name": "multi_step"}, "needs milestones"),
    ({"schedule.name": "warm_restarts"}, "needs t_0"),
    ({"schedule.name": "cosine", "schedule.pct_start": 0.2}, "has no effect on 'cosine'"),
    ({"schedule.swa_ramp": 3}, "swa_ramp has no effect without swa_start"),
    ({"schedule.warmup": 20.0}, "schedule.warmup=20.0 is beyond the schedule's 20 epochs"),
    ({"schedule.swa_start": 25, "schedule.swa_lr": 0.1}, "is beyond the schedule's 20 epochs"),
])  # fmt: skip
def test_options_without_effect_are_refused(overrides, words):
    with pytest.raises(UserError) as error:
        resolve.resolve_stages(replace(Config(), {"optim.name": "adam", **overrides}))
    assert words in str(error.value) and len(str(error.value).splitlines()) <= 3


def test_numbers_reach_their_parts_and_share_a_group():
    """Everything here but the accumulation is a number: one program trains them all."""
    rows = ({"optim.rho": 0.1}, {"loss.l1": 1e-4}, {"loss.alpha": 0.5}, {"loss.gamma": 0.0},
            {"schedule.warmup": 0.5})  # fmt: skip
    base = replace(tiny.BASE, {"optim.name": "sam", "loss.name": "focal"})
    made = tiny.make_plan(*rows, base=base)
    numbers = made.phases[0].numbers
    np.testing.assert_allclose(numbers.optim["rho"], [0.1, 0.05, 0.05, 0.05, 0.05])
    np.testing.assert_allclose(numbers.l1, [0, 1e-4, 0, 0, 0])
    np.testing.assert_allclose(numbers.loss["alpha"], [1, 1, 0.5, 1, 1])
    np.testing.assert_allclose(numbers.loss["gamma"], [2, 2, 2, 0, 2])
    rates = made.phases[0].rates(made.phases[0].plateau, np.arange(6))
    np.testing.assert_allclose(rates[:4], 0.01)
    np.testing.assert_allclose(rates[4], [0.005, 0.01, 0.01, 0.01, 0.01, 0.01])


def test_carried_gradients_are_structure():
    carried = tiny.make_plan(base=replace(tiny.BASE, {"optim.accumulation": "carry"}))
    assert carried.phases[0].program.accumulation == "carry"
    assert tiny.make_plan().phases[0].program.accumulation == "reset"


def test_which_weights_decay_is_structure_and_unasked_changes_no_run():
    kernels = replace(tiny.BASE, {"optim.decay": "kernels"})
    assert tiny.make_plan(base=kernels).phases[0].program.decay == "kernels"
    assert tiny.make_plan().phases[0].program.decay == "all"
    assert "decay" not in population.content(tiny.BASE)["optim"]
    assert population.content(kernels)["optim"]["decay"] == "kernels"
