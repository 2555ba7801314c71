"""Members that would be one run twice are refused; whatever changes a number is a difference."""

import re

import pytest
import tiny

from jaxcifar.config import Member, Stage, Study, population, replace
from jaxcifar.core.errors import UserError
from jaxcifar.planning import plan, twins

STAGES = (Stage(0.5, {"optim.lr": 0.1}),)


@pytest.mark.parametrize("overrides, seeds", [
    ({}, 1), ({"optim.lr": tiny.BASE.optim.lr}, 1), ({"seed": 0}, 1), ({"optim.decay": "all"}, 1),
    ({"optim.weight_decay": 0.0}, 1),  # the default, said aloud
    ({"loss.smoothing": 0.0}, 1), ({"schedule.warmup": 0.0}, 1), ({"init_seed": 0}, 1),
    ({"seed": 1}, 2),  # the second seed of the other member
    ({"deterministic": False}, 1), ({"optim.b1": None}, 1),
])  # fmt: skip
def test_one_run_under_two_names_is_refused(overrides, seeds):
    rows = (Member("one", {}), Member("two", overrides))
    runs = population.expand(Study("s", tiny.BASE, rows, seeds), lambda config: "data")
    with pytest.raises(UserError) as error:
        twins.require_distinct(runs)
    assert {"one", "two"} <= set(re.findall(r"one|two", str(error.value)))
    assert len(str(error.value).splitlines()) <= 3


@pytest.mark.parametrize("overrides", [
    {"seed": 1}, {"init_seed": 1}, {"order_seed": 1}, {"augment_seed": 1}, {"optim.lr": 0.02},
    {"optim.momentum": 0.8}, {"optim.decay": "kernels"}, {"train.epochs": 3}, {"select": "last"},
    {"select_on": "train"}, {"model.dropout_rate": 0.1}, {"schedule.warmup": 0.5},
    {"schedule.name": "cosine"}, {"loss.l1": 0.1}, {"optim.clip": 1.0}, {"data.split_seed": 1},
    {"eval.every": "2 epochs"}, {"stages": STAGES}, {"init_from": "runs/a:b"},
])  # fmt: skip
def test_whatever_changes_a_number_is_a_difference(overrides):
    twins.require_distinct(tiny.members({}, overrides))


def test_a_difference_within_a_stage_counts():
    base = replace(tiny.BASE, {"stages": STAGES})
    twins.require_distinct(tiny.members({}, {"stages.0.optim.lr": 0.2}, base=base))
    with pytest.raises(UserError, match="one run twice"):
        twins.require_distinct(tiny.members({}, {"stages.0.optim.lr": 0.1}, base=base))


def test_members_that_report_other_weights_are_groups_of_their_own():
    """A group's summary and probes are of one rule."""
    rows = tiny.members({}, {"select": "last"}, {"optim.lr": 0.5}, {"select_on": "train"})
    assert [[row.id for row in group] for group in plan.group(rows)] == [
        ["m0", "m2"], ["m1"], ["m3"],
    ]  # fmt: skip
