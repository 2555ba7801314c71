"""``python -m jaxcifar.landscape hessian``: what it writes, says and refuses."""

import shutil

import numpy as np
import pytest
import refused_weights

from jaxcifar import cli, landscape
from jaxcifar.checkpoints import fates
from jaxcifar.figures import spectrum
from jaxcifar.landscape import __main__
from jaxcifar.records import hessians, of_weights

FEW = ("--subset=16", "--top=1", "--trace=2", "--density=1", "--steps=4")


@pytest.fixture
def drawings(monkeypatch):
    """The names that figures were asked for; none is drawn, which has tests of its own."""
    names = []
    monkeypatch.setattr(spectrum, "draw_all", lambda workdir, wanted: names.extend(wanted) or [])
    return names


def run(workdir, *argv):
    return cli.run(__main__.main, ["hessian", "--workdir", str(workdir), *argv])


def test_members_and_steps_are_measured_recorded_and_told(trained, drawings, capsys):
    asked = ("--member=a", "--which", "step:2", "last", "--mode=train", *FEW)
    assert run(trained.workdir, *asked) == 0
    out = capsys.readouterr().out
    (name,) = drawings
    kept, last = sorted(hessians.compared(trained.workdir)[name], key=of_weights.step_of)[::-1]
    assert (kept.about["which"], last.about["which"]) == ("step:2", "last")
    assert kept.about["mode"] == "train" and kept.about["examples"] == 16
    for found in (kept, last):
        assert f"a ({found.about['which']}): largest eigenvalues {found.eigenvalues[0]:.6g}" in out
    assert kept.eigenvalues[0] != last.eigenvalues[0]
    again = landscape.hessian(
        trained.workdir, "a", which="step:2", mode="train", subset=16, top=1, trace=2, density=1,
        steps=4, out=None,
    )  # fmt: skip
    np.testing.assert_equal(again._asdict(), kept._asdict())


def test_all_members_are_measured_where_none_is_named(trained, drawings):
    assert run(trained.workdir, *FEW, "--density=0") == 2, "given twice"
    assert run(trained.workdir, "--subset=16", "--top=0", "--trace=1", "--density=0") == 0
    found = hessians.compared(trained.workdir)[drawings[0]]
    assert [each.about["name"] for each in found] == ["a", "b"]


REFUSED = refused_weights.REFUSED | {
    "a batch too large": (("--mode=train", "--subset=8", "--batch=9"), "a batch of 9 of 8 images"),
    "no steps": (("--steps=0",), "steps is 0"),
    "half an eigenvalue": (("--top=1.5",), "--top='1.5' is no whole number"),
    "fewer than none": (("--trace=-1",), "trace is -1"),
    "words": (("--density=many",), "--density='many' is no whole number"),
    "more than steps": (("--top=5", "--steps=4"), "5 eigenvalues of"),
    "a tolerance": (("--tolerance=0",), "tolerance is 0.0"),
    "a seed": (("--seed=-1",), "seed is -1"),
    "nothing": (("--top=0", "--trace=0", "--density=0"), "nothing is asked"),
}


@pytest.mark.parametrize("argv, said", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_named_with_status_2(trained, drawings, capsys, argv, said):
    assert run(trained.workdir, *argv) == 2
    error = capsys.readouterr().err
    assert said in error and len(error.strip().splitlines()) <= 3 and not drawings


def test_no_run_folder_is_named(tmp_path, capsys):
    assert run(tmp_path / "nowhere") == 2
    assert "is no run folder" in capsys.readouterr().err


def test_a_member_that_diverged_is_told_and_the_others_have_answers(
    trained, drawings, capsys, monkeypatch
):
    monkeypatch.setattr(fates, "lost", lambda *_: {"a": "member 'a' diverged\ntrain it anew"})
    assert run(trained.workdir, "--subset=16", "--top=0", "--trace=1", "--density=0") == 2
    said = capsys.readouterr()
    assert "a (best): member 'a' diverged" in said.err and "b (best): trace" in said.out
    assert run(trained.workdir, "--member=a", *FEW) == 2


def test_a_damaged_record_is_named(trained, drawings, tmp_path, capsys):
    copy = shutil.copytree(trained.workdir, tmp_path / "copy")
    shutil.rmtree(copy / "landscape", ignore_errors=True)
    asked = ("--member=b", "--subset=16", "--top=0", "--trace=1", "--density=0")
    assert run(copy, *asked) == 0
    (path,) = (copy / "landscape").iterdir()
    path.write_bytes(path.read_bytes()[:-7])
    assert run(copy, *asked) == 2
    assert f"{path.name} cannot be read" in capsys.readouterr().err
