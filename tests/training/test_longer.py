"""More epochs on a folder that exists: to the bits of a run begun so, or refused by the field."""

import json
import shutil

import numpy as np
import pytest
import tiny

import jaxcifar
from jaxcifar.config import Member, Stage, Study, replace
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Cursor
from jaxcifar.planning import longer, plan, prepare
from jaxcifar.records import folder, formats, study_file
from jaxcifar.training import train_study

BASE = replace(tiny.BASE, {
    "data.n_train": 40, "data.n_test": 20, "checkpoint.keep_every": "1 epoch",
    "average.name": "swa", "average.start": 0.0, "eval.histograms": True, "eval.every": "1 steps",
    "probe.every": "1 steps", "probe.factors": (0.5, 2.0),
})  # fmt: skip
MEMBERS = (
    Member("a", {"schedule.name": "exponential", "schedule.factor": 0.5}),
    Member("b", {"schedule.name": "plateau", "schedule.patience": 0, "schedule.threshold": 0.9}),
)


def study(epochs, members=MEMBERS, **changes):
    return Study("tiny", replace(BASE, {"train.epochs": epochs, **changes}), members)


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return jaxcifar.train(study(1), tmp_path_factory.mktemp("runs") / "short").workdir


@pytest.fixture(scope="module")
def cosine(tmp_path_factory):
    return jaxcifar.train(study(2, COSINE), tmp_path_factory.mktemp("runs") / "cosine").workdir


def assert_same_run(left, right):
    """Every record and every set of weights, 0 ULP; wall-clock fields aside."""
    assert_same_records(left, right)
    for which in ("last", "best", "swa", "step:2"):
        weights = [jaxcifar.load(path, "b", which)[1] for path in (left, right)]
        tiny.assert_same_bits(*weights)


def assert_same_records(left, right):
    rows = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in formats.read_lines(path)]
        for path in (left / "metrics.jsonl", right / "metrics.jsonl")
    ]
    assert rows[0] == rows[1] and rows[0]
    (one,), (two,) = folder.groups(left), folder.groups(right)
    for name in ("steps", "test", "histograms", "step_probes"):
        tables = [formats.read_table(group.path / f"{name}.npz") for group in (one, two)]
        assert tables[0].keys() == tables[1].keys() and tables[0]
        for field, values in tables[0].items():
            np.testing.assert_array_equal(values, tables[1][field], err_msg=field)


def test_a_run_that_goes_on_equals_one_begun_so(short, tmp_path):
    workdir = shutil.copytree(short, tmp_path / "longer")
    went_on = jaxcifar.train(study(3), workdir)
    whole = jaxcifar.train(study(3), tmp_path / "whole")
    assert_same_run(workdir, whole.workdir)
    assert study_file.read(workdir)["base"]["train"]["epochs"] == 3
    for name, row in went_on.summary["members"].items():
        assert row["test"] == whole.summary["members"][name]["test"]
    assert len(went_on.metrics) == 2 * 6
    assert all(job.finished for job in prepare.prepare(study(3), workdir).groups)
    with pytest.raises(UserError, match="begun for 3 epochs; after train.epochs=1 it was another"):
        prepare.prepare(study(1), workdir)


def test_a_kill_when_it_goes_on_leaves_no_finished_run_of_the_wrong_length(
    short, tmp_path, monkeypatch
):
    """Whatever was written last: nothing says that a run of 1 epoch is one of 3."""
    workdir = shutil.copytree(short, tmp_path / "killed")
    for place in ((folder, "reopen"), (study_file, "write"), (train_study, "train_group")):
        with monkeypatch.context() as patch:
            patch.setattr(*place, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                jaxcifar.train(study(3), workdir)
        told = study_file.read(workdir)["base"]["train"]["epochs"]
        finished = [group.finished for group in folder.groups(workdir)]
        assert told == 1 or not any(finished)
        assert told == 1 or not (workdir / "summary.json").exists()


EPOCHS = {"train.epochs": 4}
SWITCH = {"optim.momentum": 0.5}


@pytest.mark.parametrize("changes, epochs, field", [
    ({}, 4, None),
    ({"schedule.name": "step", "schedule.step_size": 1}, 4, None),
    ({"schedule.name": "cosine", "schedule.t_max": 4}, 4, None),
    ({"schedule.name": "warm_restarts", "schedule.t_0": 2}, 4, None),
    ({"schedule.name": "plateau", "schedule.warmup": 1.0}, 4, None),
    ({"schedule.swa_start": 2, "schedule.swa_lr": 0.1}, 4, None),
    ({"average.name": "ema"}, 4, None),
    ({"average.name": "swa", "average.start": 0.0}, 4, None),
    ({"schedule.name": "cosine"}, 1, None),  # the first epoch's rate is the same
    ({"schedule.name": "cosine"}, 2, "schedule.t_max"),
    ({"schedule.name": "cosine", "schedule.warmup": 2.0}, 3, None),
    ({"schedule.name": "cosine", "schedule.warmup": 2.0}, 4, "schedule.t_max"),
    ({"schedule.name": "one_cycle"}, 1, "schedule.name='one_cycle'"),
    ({"average.name": "swa", "average.start": 0.5}, 2, None),
    ({"average.name": "swa", "average.start": 0.5}, 3, "average.start"),
    ({"eval.every": "3 epochs"}, 3, None),
    ({"eval.every": "3 epochs"}, 4, "eval.every='3 epochs'"),
    ({"stages": (Stage(0.5, SWITCH),)}, 2, None),
    ({"stages": (Stage(0.5, SWITCH),)}, 3, "stages.0.at=0.5"),
    ({"stages": (Stage(0.25, SWITCH), Stage(0.5, {"optim.lr": 1.0}))}, 3, "stages.0.at=0.25"),
])  # fmt: skip
def test_what_depends_on_the_length_is_refused_by_name(changes, epochs, field):
    """4 epochs that go on to 8; `epochs` of them are taken."""
    base = replace(tiny.BASE, changes | EPOCHS)
    rows = tiny.members(base=replace(base, {"train.epochs": 8}))
    before = tiny.make_plan(base=base)
    now = plan.make_plan(rows, tiny.N_TRAIN, prepare.hardware.hardware())
    step = 3 * epochs
    index = next(i for i, phase in enumerate(before.phases) if step <= phase.stop)
    cursor = Cursor(index, step, False)
    if field is None:
        longer.require_same(before, now, rows, cursor)
        return
    with pytest.raises(UserError) as error:
        longer.require_same(before, now, rows, cursor)
    said = str(error.value)
    assert f"{field} depends on train.epochs" in said and len(said.splitlines()) <= 3
    assert "begun for 4 epochs" in said and "one of 8 epochs" in said


def files_of(workdir):
    return {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}


COSINE = tuple(Member(name, {"schedule.name": "cosine", "optim.lr": lr})
               for name, lr in (("a", 0.01), ("b", 0.02)))  # fmt: skip


@pytest.mark.parametrize("wanted, words", [
    (study(4, COSINE), "schedule.t_max depends on train.epochs"),
    (study(4, COSINE[:1]), "it holds member 'b', this one does not"),
    (study(4, (COSINE[0], Member("b", {**COSINE[1].overrides, "train.epochs": 3}))),
     "give all of them the same --config.train.epochs"),
    (study(4, COSINE, **{"optim.momentum": 0.5}), "member 'a' differs .*optim.momentum: 0.9 there"),
])  # fmt: skip
def test_a_refusal_leaves_the_folder_as_it_was(cosine, wanted, words):
    before = files_of(cosine)
    with pytest.raises(UserError, match=words):
        jaxcifar.train(wanted, cosine)
    assert before == files_of(cosine)


def test_a_smaller_command_on_a_larger_folder_has_nothing_to_do(cosine):
    """And the folder still tells of all its members."""
    before = files_of(cosine)
    again = jaxcifar.train(study(2, COSINE[:1]), cosine)
    assert before.keys() == files_of(cosine).keys() and list(again.summary["members"]) == ["a", "b"]
    assert study_file.read(cosine) == json.loads(before[cosine / "config.json"])
    mixed = (COSINE[0], Member("c", {"optim.lr": 0.5}))
    with pytest.raises(UserError, match="it holds member 'b', this one does not"):
        prepare.prepare(study(2, mixed), cosine)


def test_a_smaller_command_continues_the_group_of_its_members(cosine, tmp_path):
    """Killed before it was scored: the program is of both members, and so is the rest of it."""
    workdir = shutil.copytree(cosine, tmp_path / "cut")
    for path in (workdir / "summary.json", *workdir.glob("groups/*/summary.json")):
        path.unlink()
    jaxcifar.train(study(2, COSINE[:1]), workdir)
    assert_same_records(workdir, cosine)
