"""The planner: groups, spans of training, segment lengths, lanes."""

from types import SimpleNamespace

import numpy as np
import pytest
import tiny

from jaxcifar.config import replace
from jaxcifar.core.errors import UserError
from jaxcifar.core.hardware import Hardware
from jaxcifar.planning import lanes, plan
from jaxcifar.planning.group import split_rows


@pytest.mark.parametrize("every, steps", [
    ("1 epoch", (3, 6)), ("2 epochs", (6,)), ("0.5 epochs", (2, 3, 4, 6)), ("4 steps", (4, 6)),
    ("5 epochs", (6,)),
])  # fmt: skip
def test_evaluations_fall_where_they_were_asked_for(every, steps):
    """3 steps an epoch, 2 epochs; the end is always among them."""
    made = tiny.make_plan(base=replace(tiny.BASE, {"eval.every": every}))
    assert made.events.evaluate == steps


def test_less_than_a_step_is_refused():
    with pytest.raises(UserError, match="less than one step"):
        tiny.make_plan(base=replace(tiny.BASE, {"eval.every": "0.1 epochs"}))


def test_plateau_needs_an_evaluation_every_epoch():
    base = replace(tiny.BASE, {"schedule.name": "plateau", "eval.every": "2 epochs"})
    with pytest.raises(UserError, match="skips step 3"):
        tiny.make_plan(base=base)


def test_nothing_is_kept_unless_asked_for():
    assert tiny.make_plan().events.keep == ()


def test_members_split_where_structure_differs_and_only_there():
    rows = tiny.members({}, {"optim.lr": 0.5}, {"train.batch_size": 8}, {"seed": 3},
                        {"data.augment": ()}, {"model.dropout_rate": 0.2})  # fmt: skip
    assert [[m.id for m in group] for group in plan.group(rows)] == [
        ["m0", "m1", "m3", "m5"], ["m2"], ["m4"],
    ]  # fmt: skip


def test_the_validation_part_is_drawn_by_its_own_seed():
    """Pinned: other rows change every result selected on them."""
    images = SimpleNamespace(train_labels=np.zeros(20))
    for seed, held_out in ((0, [2, 3, 11, 13, 15]), (3, [0, 1, 4, 7, 9])):
        data = replace(tiny.BASE, {"data.validation": 0.25, "data.split_seed": seed}).data
        rows = split_rows(images, data)
        assert rows[1].tolist() == held_out
        assert sorted([*rows[0], *rows[1]]) == list(range(20))


def test_group_ids_follow_the_members():
    one, two = (plan.group_id(tiny.members({"optim.lr": lr})) for lr in (0.1, 0.2))
    assert one != two and one.startswith("cnn-")


def test_segments_are_short_on_a_cpu_and_an_epoch_elsewhere():
    rows = tiny.members({})
    big = replace(tiny.BASE, {"model.filters": (512, 512, 512), "train.batch_size": 64})
    heavy = tiny.members({}, base=big)
    cpu, gpu = Hardware("cpu", "cpu", 1, 2), Hardware("gpu", "NVIDIA H200", 1, 16)
    segment = {
        name: plan.make_plan(members, 50_000, machine).phases[0].program.segment
        for name, members, machine in (
            ("small", rows, cpu), ("heavy", heavy, cpu), ("gpu", heavy, gpu)
        )
    }  # fmt: skip
    assert segment["gpu"] == 782 and 1 <= segment["heavy"] < 20 < segment["small"] <= 3125
    assert plan.make_plan(heavy, 50_000, gpu).phases[0].program.lowering == "library"


def test_lanes_come_from_the_table(monkeypatch):
    program = tiny.make_plan({}, {}).phases[0].program
    table = {"cpu": {"cpu": {lanes.case(program): {"1": "map", "4": "vmap"}}}}
    monkeypatch.setattr(lanes, "table", lambda: table)
    assert lanes.choose(program, "cpu", "cpu") == "map"
    assert lanes.choose(program._replace(members=8), "cpu", "cpu") == "vmap"
    assert lanes.choose(program._replace(members=4, devices=2), "cpu", "cpu") == "map"
    few = [program._replace(members=m) for m in (1, 4)]
    assert [lanes.choose(each, "gpu", "cpu") for each in few] == ["vmap", "vmap"]
    assert [lanes.choose(each, "cpu", "another") for each in few] == ["vmap", "map"]


def test_the_committed_lanes_are_lanes():
    for kinds in lanes.table().values():
        for cases in kinds.values():
            for rows in cases.values():
                assert set(rows.values()) <= {"vmap", "map"}
