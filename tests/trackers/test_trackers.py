"""Trackers: points are the records', whatever is killed; a failure is told once, harming none."""

import event_files
import numpy as np
import pytest
import tiny
from made_tracked import finish, histograms, rows, save, train_quickly
from PIL import Image
from places import CONFIGS

import jaxcifar
from jaxcifar import cli, trackers, train
from jaxcifar.config import Member, Study, replace
from jaxcifar.core.errors import UserError
from jaxcifar.records import formats
from jaxcifar.trackers.feed import class_table
from jaxcifar.training import train_study

BASE = replace(tiny.BASE, {"data.n_train": 40, "data.n_test": 20})
STUDY = Study("tiny", BASE, (Member("a", {"optim.lr": 0.01}), Member("b", {"optim.lr": 0.03})))
CONFIG = str(CONFIGS / "bn.py") + ":quick"


def folder(job, member):
    return job.path.parents[1] / "tensorboard" / member


def test_points_are_the_records(job, feed):
    told = feed()
    for epochs in (1, 2, 2, 3):
        save(job, epochs)
        told.update(job)
        for name in "ab":
            found = event_files.scalars(folder(job, name))
            assert sorted(found) == event_files.expected(rows(epochs), name), "at once on disk"
    times = {event.step: event.wall_time for event in event_files.events(folder(job, "a"))}
    assert times[9] - times[3] == pytest.approx(2.0), "as far apart as the records say"


def test_a_killed_run_that_continues_doubles_and_loses_nothing(job, feed):
    """Killed after the second epoch was told, continued from the first, at another speed."""
    killed = feed()
    save(job, 2)
    killed.update(job)
    (file,) = folder(job, "a").iterdir()
    with file.open("ab") as half:
        half.write(b"\x99\x00\x00\x00\x00\x00\x00\x00half a record")
    (old,) = file.rename(file.with_name("events.out.tfevents.0000000001.before")).parent.iterdir()
    again = feed()
    save(job, 1)
    again.update(job)
    save(job, 3, seconds=2.0)
    again.update(job)
    finish(job)
    again.finish(job)
    assert not old.exists()
    found = [point for point in event_files.scalars(folder(job, "a")) if "test" not in point[0]]
    first = [row for row in rows(1)]  # its seconds were told before the continuation
    later = [row for row in rows(3, seconds=2.0) if row["epoch"] > 1]
    assert sorted(found) == event_files.expected([*first, *later], "a")


def test_a_watching_tensorboard_is_told_to_start_over(job, feed):
    save(job, 1)
    feed().update(job)
    _, mark = event_files.events(folder(job, "a"))[:2]
    assert mark.session_log.status == mark.session_log.START and mark.step == 0


def test_histograms_come_with_their_moments_and_without_what_is_not_finite(job, feed):
    told = feed()
    for epochs in (1, 2):
        save(job, epochs)
        formats.write_table(job.path / "histograms.npz", histograms(epochs))
        told.update(job)
    found = {name: [(step, value.histo) for step, value in event_files.values(folder(job, name))
                    if value.HasField("histo")] for name in "ab"}  # fmt: skip
    assert [step for step, _ in found["a"]] == [0, 3, 6]
    assert [step for step, _ in found["b"]] == [0, 3]
    histogram, number = found["a"][1][1], sum(range(1, 65))
    assert list(histogram.bucket) == list(range(1, 65)) and histogram.num == number
    assert histogram.bucket_limit[0] == -1 + 4 / 64 and histogram.bucket_limit[63] == 3
    assert histogram.sum == 0.5 * number and histogram.sum_squares == 4.25 * number


def test_the_end_brings_test_scores_classes_and_hyperparameters(job, feed):
    told = feed()
    save(job, 1)
    confusion = np.zeros((2, 1, 10, 10), np.int32)
    confusion[0, 0, 3, 3], confusion[0, 0, 3, 5] = 3, 1
    scores = {"members": np.array(["a", "b"]), "kinds": np.array(["best"]),
              "classes": np.array(list("abcdefghij")), "confusion": confusion}  # fmt: skip
    formats.write_table(job.path / "test.npz", scores)
    finish(job)
    told.finish(job)
    found = event_files.values(folder(job, "a"))
    texts = {value.tag: value.tensor.string_val[0].decode() for _, value in found
             if value.HasField("tensor")}  # fmt: skip
    assert "    conv1" in texts["network/text_summary"]
    table = texts["accuracy by class/text_summary"].splitlines()
    assert table[4].split() == ["d", "75.00"] and table[0].split() == ["class", "best"]
    assert ("test_accuracy/best", 6, 0.5) in event_files.scalars(folder(job, "a"))
    assert not [v for _, v in found if v.tag == "test_accuracy/last"], "it has no score"
    head = {value.tag: value.metadata.plugin_data.content for _, value in found}
    assert b"optim.lr" in head["_hparams_/session_start_info"]
    assert "_hparams_/session_end_info" in head
    assert class_table(scores, "b").splitlines()[4].split() == ["d", "0.00"]


def test_figures_keep_their_bytes(job):
    workdir = job.path.parents[1]
    (workdir / "figures").mkdir()
    Image.new("RGB", (7, 5)).save(workdir / "figures" / "loss.png")
    with trackers.start(("tensorboard",)) as tracked:
        tracked.figures(workdir)
    ((_, value),) = event_files.values(workdir / "tensorboard" / "study")
    assert value.tag == "figures/loss" and (value.image.width, value.image.height) == (7, 5)
    assert value.image.encoded_image_string == (workdir / "figures" / "loss.png").read_bytes()


@pytest.fixture
def quick(monkeypatch):
    """Training replaced by made-up records; the rest of the command is as it is."""
    monkeypatch.setattr(train_study, "train_group", train_quickly)
    monkeypatch.setattr(train_study.folder.metrics, "merge", lambda *args: None)


def test_the_python_call_feeds_them(quick, tmp_path):
    jaxcifar.train(STUDY, tmp_path / "run", trackers=("tensorboard",))
    for name in "ab":
        found = event_files.scalars(tmp_path / "run" / "tensorboard" / name)
        found = [point for point in found if "test" not in point[0]]
        assert sorted(found) == event_files.expected(rows(2), name)
    assert not (tmp_path / "plain").exists()
    jaxcifar.train(STUDY, tmp_path / "plain")
    assert not (tmp_path / "plain" / "tensorboard").exists()


@pytest.mark.reliability("T18")
@pytest.mark.parametrize("method", ["open", "scalars", "close"])
def test_a_failing_tracker_warns_once_and_the_run_goes_on(
    quick, tmp_path, monkeypatch, capsys, method
):
    calls = []

    class Broken(trackers.tensorboard.EventFile):
        def scalars(self, *args):
            if method == "scalars":
                calls.append(args)
                raise OSError("the disk\nis full")
            super().scalars(*args)

        def close(self, complete):
            super().close(complete)
            if method == "close":
                raise OSError("the disk\nis full")

    def open_writer(subject):
        if method == "open":
            raise OSError("the disk\nis full")
        return Broken(subject)

    kinds = {"broken": trackers.TRACKERS["tensorboard"]._replace(open=open_writer)}
    monkeypatch.setattr(trackers, "TRACKERS", kinds)
    members = (*STUDY.members, Member("c", {"train.batch_size": 8}))  # a group of its own
    monkeypatch.setattr(train_study, "train_group", lambda group, machine, saved: (
        train_quickly(group, machine, saved) if len(group.members) == 2 else saved()
    ))  # fmt: skip
    found = jaxcifar.train(Study("tiny", BASE, members), tmp_path / "run", trackers=("broken",))
    assert set(found.summary["members"]) == {"a", "b"}, "the run went on"
    said = [line for line in capsys.readouterr().err.splitlines() if "broken" in line]
    assert said == ["--tracker broken is off for the rest of this run: OSError: the disk is full"]
    assert len(calls) == (method == "scalars")


def test_a_missing_library_is_told_before_anything_is_written(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(trackers.importlib.util, "find_spec", lambda name: None)
    args = ("--config", CONFIG, "--workdir", str(tmp_path / "run"), "--tracker", "tensorboard")
    assert cli.run(train.main, (*args, "--dry-run")) == 2
    err = capsys.readouterr().err
    assert "tensorboardX" in err and "pip install 'jaxcifar[tensorboard]'" in err
    assert len(err.strip().splitlines()) <= 3 and not (tmp_path / "run").exists()


def test_names_are_checked():
    assert trackers.named(" tensorboard,tensorboard,") == ("tensorboard",)
    with pytest.raises(UserError, match="unknown tracker 'tensorbord'; did you mean"):
        trackers.named("tensorbord")
