"""``python -m jaxcifar.landscape surface|line|trajectory``: what they write, say and refuse."""

import shutil

import jax
import numpy as np
import pytest

from jaxcifar import cli
from jaxcifar.checkpoints import snapshots
from jaxcifar.core.errors import UserError
from jaxcifar.figures import landscapes as drawn
from jaxcifar.landscape import __main__, slices
from jaxcifar.records import landscapes

OF = ("--split=test", "--resolution=3")


@pytest.fixture
def drawings(monkeypatch):
    """The names that figures were asked for; none is drawn, which has tests of its own."""
    names = []
    monkeypatch.setattr(drawn, "draw_all", lambda workdir, wanted: names.extend(wanted) or [])
    return names


def run(*argv):
    return cli.run(__main__.main, list(argv))


def test_members_are_compared_on_shared_axes(trained, drawings, capsys):
    line = ("surface", "--workdir", str(trained.workdir), *OF)
    assert run(*line) == 0
    out = capsys.readouterr().out
    (name,) = drawings
    found = landscapes.compared(trained.workdir)[name]
    assert [each.about["name"] for each in found] == ["a", "b"]
    for each, member in zip(found, "ab", strict=True):
        score = trained.summary["members"][member]["test"]["best"]
        assert each.loss[1, 1] == score["loss"] and f"{member}: loss " in out
    assert run(*line, "--member", "b", "--seed", "1") == 0
    assert drawings[1] != name and len(landscapes.compared(trained.workdir)[drawings[1]]) == 1


def test_directions_are_shared_by_file(trained, drawings, tmp_path):
    file = tmp_path / "d.npz"
    line = ("line", "--workdir", str(trained.workdir), *OF, "--member=a")
    assert run(*line, "--seed=7", "--save-directions", str(file)) == 0
    assert run(*line, "--directions", str(file)) == 0
    saved, loaded = (landscapes.compared(trained.workdir)[name][0] for name in drawings)
    np.testing.assert_array_equal(saved.loss, loaded.loss)


def test_from_member_to_member_and_along_training(trained, drawings):
    line = ("--workdir", str(trained.workdir), *OF, "--member=a")
    assert run("line", *line, "--to-member=b", "--low=0", "--high=1") == 0
    assert run("line", *line, "--which=step:2", "--to=last") == 0
    assert run("trajectory", *line, "--margin=0.3") == 0
    assert [name.partition("-")[0] for name in drawings] == ["interpolation"] * 2 + ["trajectory"]


REFUSED = {
    "no such run": (("surface", "--workdir=nowhere"), "nowhere is no run folder"),
    "no such member": (("surface", "--member=c"), "unknown member 'c'"),
    "one of two": (("surface", "--member", "a", "c"), "unknown member 'c'"),
    "no such step": (("surface", "--which=step:5"), "no checkpoint of step 5"),
    "no points": (("surface", "--resolution=0"), "a resolution of 0"),
    "words": (("surface", "--resolution=many"), "--resolution='many' is no whole number"),
    "half a point": (("line", "--resolution=2.5"), "--resolution='2.5' is no whole number"),
    "too many images": (("surface", "--subset=33"), "a subset of 33 of 32 images"),
    "no images": (("trajectory", "--subset=0"), "a subset of 0"),
    "images in words": (("line", "--subset=every"), "--subset='every' is no whole number"),
    "a split": (("surface", "--split=tset"), "did you mean 'test'"),
    "a mode": (("surface", "--mode=evl"), "did you mean 'eval'"),
    "a span": (("surface", "--span=0"), "a span of 0"),
    "a normalisation": (("surface", "--normalise=fliter"), "did you mean 'filter'"),
    "no directions": (("surface", "--directions=nowhere"), "there is no file nowhere"),
    "no other member": (("line", "--member=a", "--to-member=c"), "unknown member 'c'"),
    "to itself": (("line", "--member=a", "--to-member=a"), "to itself"),
    "to the same": (("line", "--member=a", "--to=best"), "to itself"),
    "no such weights": (("line", "--member=a", "--to=step:1"), "no checkpoint of step 1"),
    "an axis": (("line", "--low=2"), "an axis from 2.0 to 1.0"),
    "a margin": (("trajectory", "--margin=-1"), "a margin of -1.0"),
    "another's flag": (("trajectory", "--span=1"), "unknown argument '--span=1'"),
    "a lane": (("surface", "--lane=amp"), "did you mean 'map'"),
}


@pytest.mark.parametrize(("line", "said"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_named(trained, drawings, capsys, line, said):
    own = any(word.startswith("--workdir") for word in line)
    where = () if own else ("--workdir", str(trained.workdir))
    assert run(*line, *where) == 2 and drawings == []
    out, err = capsys.readouterr()
    assert said in err and len(err.splitlines()) <= 3 and not out


def test_directions_of_another_network_are_refused(trained, drawings, capsys, tmp_path):
    file = tmp_path / "d.npz"
    landscapes.write_directions(file, [{"conv1/kernel": np.ones((3, 3, 3, 8), np.float32)}] * 2, {})
    assert run("surface", "--workdir", str(trained.workdir), "--directions", str(file)) == 2
    assert "is of another network: conv1/kernel is (3, 3, 3, 8) there" in capsys.readouterr().err


def test_a_member_without_such_weights_leaves_the_others_theirs(
    trained, drawings, capsys, tmp_path, monkeypatch
):
    whole = slices.of_member

    def lost(workdir, member, *args, **kwargs):
        if member == "a":
            raise UserError("member 'a' diverged")
        return whole(workdir, member, *args, **kwargs)

    monkeypatch.setattr(slices, "of_member", lost)
    assert run("line", "--workdir", str(trained.workdir), *OF) == 2
    out, err = capsys.readouterr()
    assert "b: loss" in out and "a: member 'a' diverged" in err and len(drawings) == 1


@pytest.mark.parametrize("line", [
    ("surface",), ("line",), ("line", "--to-member=b"), ("hessian", "--top=1", "--steps=2"),
])  # fmt: skip
def test_weights_of_nan_are_named(trained, drawings, capsys, monkeypatch, line):
    whole = snapshots.read_weights

    def broken(*args):
        found = whole(*args)
        for kind in found.values():
            jax.tree.leaves(kind["params"])[0][...] = np.nan
        return found

    monkeypatch.setattr(snapshots, "read_weights", broken)
    command, *rest = line
    assert run(command, "--workdir", str(trained.workdir), "--member=a", *rest) == 2
    said = capsys.readouterr().err
    assert "weights of member 'a' in" in said and "are not all finite" in said and drawings == []
    assert len(said.strip().splitlines()) <= 3


def test_a_run_without_kept_checkpoints_has_no_trajectory(trained, drawings, capsys, tmp_path):
    copy = shutil.copytree(trained.workdir, tmp_path / "copy")
    for kept in copy.glob("groups/*/checkpoints/kept"):
        shutil.rmtree(kept)
    assert run("trajectory", "--workdir", str(copy), "--member=a", *OF) == 2
    assert "keep_every" in capsys.readouterr().err


def test_a_landscape_that_was_cut_is_not_drawn(trained, tmp_path, drawings):
    copy = shutil.copytree(trained.workdir, tmp_path / "copy")
    assert run("line", "--workdir", str(copy), *OF, "--seed=9", "--member=a") == 0
    (path,) = copy.glob(f"landscape/{drawings[0]}-a.npz")
    found, asked, done = landscapes.read(path)
    landscapes.write(path, found, asked, np.zeros_like(done))
    assert drawings[0] not in landscapes.compared(copy)
