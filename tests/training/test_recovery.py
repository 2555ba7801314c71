"""What a kill, a full disk or a late signal leaves behind: the next start makes it whole."""

import contextlib
import errno
import itertools
import os
import shutil
import signal
import subprocess
import time

import jax
import numpy as np
import pytest
import tiny

import jaxcifar
from jaxcifar.checkpoints import first_weights, snapshots
from jaxcifar.cli import statuses
from jaxcifar.config import Member, Study, replace
from jaxcifar.core import signals
from jaxcifar.core.errors import UserError
from jaxcifar.records import formats, provenance
from jaxcifar.training import engine, train_group

BASE = replace(
    tiny.BASE, {"data.n_train": 40, "data.n_test": 20, "checkpoint.keep_every": "1 epoch"}
)
STUDY = Study("tiny", BASE, (Member("a", {"optim.lr": 0.01}), Member("b", {"optim.lr": 0.03})))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nothing happened to: 2 epochs of 2 steps."""
    return jaxcifar.train(STUDY, tmp_path_factory.mktemp("whole") / "run").workdir


def assert_same_weights(left, right, which):
    for one, two in zip(
        *(jax.tree.leaves(jaxcifar.load(path, "b", which)[1]) for path in (left, right)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


@pytest.mark.reliability("T3")
@pytest.mark.parametrize("point", ["keep", "save"])
def test_a_full_disk_loses_no_kept_checkpoint(whole, tmp_path, monkeypatch, point):
    """The disk is full once, while the first epoch's end is written."""
    full = [point]

    def reach(name):
        if name in full:
            full.remove(name)
            raise OSError("no space left on device")

    monkeypatch.setattr(snapshots.kill_points, "reach", reach)
    with pytest.raises(OSError, match="no space left"):
        jaxcifar.train(STUDY, tmp_path / "run")
    jaxcifar.train(STUDY, tmp_path / "run")
    kept = (tmp_path / "run").glob("groups/*/checkpoints/kept/*/manifest.json")
    assert sorted(path.parent.name for path in kept) == ["00000002", "00000004"]
    for which in ("step:2", "last"):
        assert_same_weights(whole, tmp_path / "run", which)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 32 MB, which only root can make."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", place])
    if made.returncode:
        pytest.skip("no disk can be made here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.reliability("T3")
def test_a_run_on_a_disk_that_fills_up_goes_on_when_there_is_room(
    whole, small_disk, monkeypatch, capsys
):
    """Before the first step it is looked at; later the message names the path and what is free."""
    filler, run = small_disk / "filler", small_disk / "run"
    fill(filler)
    with pytest.raises(UserError, match="of the disk are free, checkpoints need about"):
        jaxcifar.train(STUDY, run)
    assert not run.exists()
    filler.unlink()
    save, saved = train_group.save, []

    def save_and_fill(group, snapshot):
        save(group, snapshot)
        saved.append(snapshot.cursor.step)
        fill(filler)

    monkeypatch.setattr(train_group, "save", save_and_fill)
    with pytest.raises(OSError) as error:
        jaxcifar.train(STUDY, run)
    assert error.value.errno == errno.ENOSPC and str(run) in error.value.filename
    said = statuses.mendable(error.value)
    assert error.value.filename in said and "bytes are free" in said
    (checkpoints,) = run.glob("groups/*/checkpoints")
    assert snapshots.find(checkpoints).cursor.step == saved[0] == 2
    filler.unlink()
    monkeypatch.setattr(train_group, "save", save)
    capsys.readouterr()
    jaxcifar.train(STUDY, run)
    assert "continues at step 2" in capsys.readouterr().err
    assert_same_weights(whole, run, "last")


def fill(path):
    """Write until nothing more fits."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 1024)


@pytest.mark.reliability("T3")
def test_a_run_folder_that_is_taken_away_ends_the_run(tmp_path, monkeypatch):
    """In the middle of it: named, and no half of a run is left in its place."""
    run, save = tmp_path / "run", train_group.save

    def save_and_move(group, snapshot):
        save(group, snapshot)
        run.rename(tmp_path / "moved")

    monkeypatch.setattr(train_group, "save", save_and_move)
    with pytest.raises(UserError, match="is gone: it was removed or moved"):
        jaxcifar.train(STUDY, run)
    assert not run.exists()
    monkeypatch.setattr(train_group, "save", save)
    assert jaxcifar.train(STUDY, tmp_path / "moved").summary["members"].keys() == {"a", "b"}


@pytest.mark.reliability("T16")
def test_odd_places_and_clocks_change_no_number(whole, tmp_path, monkeypatch):
    """A path of spaces, signs and many letters; no home folder; a clock that is set back."""
    clock = itertools.count(2e9, -60)
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setenv("TZ", "Antarctica/Troll")
    run = tmp_path / "with space" / "\u00fc\u5b66 $x 'q' {0}" / ("long" * 50)
    jaxcifar.train(STUDY, run)
    for which in ("step:2", "last", "best"):
        assert_same_weights(whole, run, which)


@pytest.mark.reliability("T2")
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_leaves_at_once(whole, tmp_path, monkeypatch, second):
    """In the second epoch: what the first one saved is whole, and is continued."""
    run, train_segment, calls = tmp_path / "run", engine.train_segment, []
    before = signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))

    def signalled(*args):
        calls.append(None)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), second)
            time.sleep(10)  # another thread may be the one that the kernel tells
            raise AssertionError("it went on")
        return train_segment(*args)

    monkeypatch.setattr(engine, "train_segment", signalled)
    try:
        with pytest.raises(KeyboardInterrupt) as left:
            jaxcifar.train(STUDY, run)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not isinstance(left.value, signals.Stopped)
    (checkpoints,) = run.glob("groups/*/checkpoints")
    assert snapshots.find(checkpoints).cursor.step == 2
    monkeypatch.setattr(engine, "train_segment", train_segment)
    jaxcifar.train(STUDY, run)
    assert_same_weights(whole, run, "last")


@pytest.mark.reliability("T2")
def test_a_signal_after_the_last_step_stops_too(whole, tmp_path, monkeypatch):
    """It comes while the last checkpoints are written; the next start has only to score."""
    average = train_group.average

    def signalled(*args):
        os.kill(os.getpid(), signal.SIGTERM)
        return average(*args)

    monkeypatch.setattr(train_group, "average", signalled)
    with pytest.raises(signals.Stopped, match="step 4 of 4; the same command continues") as stop:
        jaxcifar.train(STUDY, tmp_path / "run")
    assert stop.value.signum == signal.SIGTERM
    assert not (tmp_path / "run" / "summary.json").exists()
    monkeypatch.setattr(train_group, "average", average)
    monkeypatch.setattr(engine, "train_segment", None)
    jaxcifar.train(STUDY, tmp_path / "run")
    assert_same_weights(whole, tmp_path / "run", "last")


def test_first_weights_of_an_unfinished_run_are_kept_ones(whole, tmp_path):
    """Its newest checkpoint of a step is removed later; of a run that is over it stays."""
    source = shutil.copytree(whole, tmp_path / "source")
    (group,) = (source / "groups").iterdir()
    init_from = f"{source}:a:step:2"
    study = Study("tuned", replace(BASE, {"init_from": init_from}))
    over = first_weights.pin(study)
    (group / "summary.json").rename(group / "away")
    assert first_weights.pin(study) == over, "the same bytes before and after its end"
    shutil.rmtree(group / "checkpoints" / "kept")
    assert (group / "checkpoints" / "00000002").exists()
    with pytest.raises(UserError, match="that run is not over, .*\n.*\n.*keep_every"):
        first_weights.pin(study)
    (group / "away").rename(group / "summary.json")
    assert first_weights.pin(study).base.init_from.startswith(f"{init_from}@")


@pytest.mark.slow
def test_a_later_process_does_not_take_the_place_of_those_that_trained(
    whole, tmp_path, monkeypatch
):
    """As where a folder was copied from another machine: its groups stay that machine's."""
    there = shutil.copytree(whole, tmp_path / "there")
    (path,) = there.glob("groups/*/group.json")
    content = formats.read_json(path)
    content["numerics"] |= {"cores": 64}
    content["software"] |= {"commit": "first"}
    formats.write_json(path, content)
    before = formats.read_json(there / "environment.json")
    monkeypatch.setattr(provenance, "commit", lambda: "second")

    jaxcifar.train(STUDY, there, command="nothing left")
    found = formats.read_json(there / "environment.json")
    groups = found.pop("groups")
    assert before.pop("groups").keys() == groups.keys() and found == before
    (first,) = groups.values()
    assert (first["cores"], first["commit"]) == (64, "first") and "lane" in first

    more = Study("tiny", BASE, (*STUDY.members, Member("c", {"optim.lr": 0.02})))
    jaxcifar.train(more, there, command="one more")
    found = formats.read_json(there / "environment.json")
    assert (found["command"], found["commit"]) == ("one more", "second")
    assert found["groups"].pop(path.parent.name) == first
    (second,) = found["groups"].values()
    assert second["cores"] == before["cores"] and second["commit"] == "second"
    assert second["versions"] == found["versions"]
