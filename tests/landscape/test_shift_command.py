"""``python -m jaxcifar.landscape shift``: what it writes, says and refuses."""

import importlib
import shutil

import numpy as np
import pytest
import refused_weights

from jaxcifar import cli, landscape
from jaxcifar.checkpoints import fates
from jaxcifar.figures import shifts_of_weights
from jaxcifar.landscape import __main__
from jaxcifar.records import covariate_shift as records
from jaxcifar.records import of_weights

FEW = ("--subset=16", "--batch=8")


@pytest.fixture
def drawings(monkeypatch):
    """The names that figures were asked for; none is drawn, which has tests of its own."""
    names = []
    monkeypatch.setattr(
        shifts_of_weights, "draw_all", lambda workdir, wanted: names.extend(wanted) or []
    )
    return names


def run(workdir, *argv):
    return cli.run(__main__.main, ["shift", "--workdir", str(workdir), *argv])


def test_members_and_steps_are_measured_recorded_and_told(trained, drawings, capsys):
    asked = ("--member=a", "--which", "step:2", "last", "--size=0.01", *FEW)
    assert run(trained.workdir, *asked) == 0
    out = capsys.readouterr().out
    (name,) = drawings
    kept, last = sorted(records.compared(trained.workdir)[name], key=of_weights.step_of)[::-1]
    assert (kept.about["which"], last.about["which"]) == ("step:2", "last")
    for found in (kept, last):
        assert found.about["mode"] == "train" and found.about["batches"] == 2 and found.whole
        assert found.distance.shape == (2, len(found.layers)) and (found.distance[:, 0] == 0).all()
        low, high = (f(found.distance[:, 1:].mean(0)) for f in (np.min, np.max))
        assert f"a ({found.about['which']}): distance {low:.3g} to {high:.3g}, cosine " in out
        assert "(means over 2 batches of 8 layers after the first)" in out
    assert not np.array_equal(kept.distance, last.distance)
    again = landscape.covariate_shift(
        trained.workdir, "a", which="step:2", size=0.01, subset=16, batch=8
    )
    np.testing.assert_equal(again._asdict(), kept._asdict())


def test_what_was_cut_goes_on_to_the_same_bits(trained, tmp_path, monkeypatch):
    given = {"size": 0.1, "subset": 24, "batch": 8, "out": tmp_path}
    whole = landscape.covariate_shift(trained.workdir, "b", **given)
    (path,) = tmp_path.iterdir()
    found, asked = records.read(path)
    part = found._replace(step=found.step[:1],
                          **{name: getattr(found, name)[:1] for name in records.SEEN})  # fmt: skip
    assert not part.whole
    records.write(path, part, asked)
    module = importlib.import_module("jaxcifar.landscape.covariate_shift")
    looks, measure = [], module._shift
    monkeypatch.setattr(module, "_shift", lambda *args: looks.append(1) or measure(*args))
    again = landscape.covariate_shift(trained.workdir, "b", **given)
    assert len(looks) == 2, "the first batch was there"
    np.testing.assert_equal(again._asdict(), whole._asdict())
    records.write(path, part, asked | {"size": 0.2})
    landscape.covariate_shift(trained.workdir, "b", **given)
    assert len(looks) == 5, "of another size nothing is taken"


def test_all_members_are_measured_where_none_is_named(trained, drawings):
    assert run(trained.workdir, *FEW) == 0
    found = records.compared(trained.workdir)[drawings[0]]
    assert [each.about["name"] for each in found] == ["a", "b"]


REFUSED = refused_weights.REFUSED | {
    "a batch too large": (("--subset=8", "--batch=9"), "a batch of 9 of 8 images"),
    "no size": (("--size=0",), "a size of 0.0"),
    "a size below 0": (("--size=-0.1",), "a size of -0.1"),
    "no number": (("--size=nan",), "a size of nan"),
    "words": (("--size=big",), "--size='big' is no number"),
    "a flag of another command": (("--top=5",), "top"),
    "twice": (("--size=1", "--size=2"), "twice"),
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
    assert run(trained.workdir, *FEW) == 2
    said = capsys.readouterr()
    assert "a (best): member 'a' diverged" in said.err and "b (best): distance" in said.out
    assert run(trained.workdir, "--member=a", *FEW) == 2


def test_what_overflows_is_a_hole_that_is_told(trained, drawings, capsys):
    assert run(trained.workdir, "--member=b", "--size=1e38", *FEW) == 0
    assert "distances not finite" in capsys.readouterr().out
    (found,) = records.compared(trained.workdir)[drawings[0]]
    assert np.isnan(found.distance[0, 2:]).any() and np.isfinite(found.gradient_norm).all()


@pytest.mark.parametrize("harm", ["cut", "kind", "shape"])
def test_a_damaged_record_is_named(trained, drawings, tmp_path, capsys, harm):
    copy = shutil.copytree(trained.workdir, tmp_path / "copy")
    shutil.rmtree(copy / "landscape", ignore_errors=True)
    asked = ("--member=b", *FEW)
    assert run(copy, *asked) == 0
    (path,) = (copy / "landscape").iterdir()
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-7])
    else:
        with np.load(path) as file:
            table = {**file, **({"kind": "line"} if harm == "kind" else {"step": np.arange(9)})}
        np.savez(path, **table)
    assert run(copy, *asked) == 2
    said = capsys.readouterr().err
    assert f"{path.name} cannot be read" in said and "remove it" in said
