"""Trackers: points are the records', whatever is killed; a failure is told once, harming none."""

import json
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import event_files
import numpy as np
import pytest
import tiny
from PIL import Image

import jaxcifar
from jaxcifar import cli, record, run, trackers, train
from jaxcifar.config import Member, Study, replace
from jaxcifar.errors import UserError
from jaxcifar.job import Job
from jaxcifar.trackers.feed import Feed, class_table

BASE = replace(tiny.BASE, {"data.n_train": 40, "data.n_test": 20})
STUDY = Study("tiny", BASE, (Member("a", {"optim.lr": 0.01}), Member("b", {"optim.lr": 0.03})))
CONFIG = str(Path(__file__).parents[1] / "configs" / "bn.py") + ":quick"


def rows(epochs, seconds=1.0):
    """Lines of metrics.jsonl, 3 steps an epoch; b diverges in the second."""
    return [
        {"member": name, "epoch": float(epoch), "step": 3 * epoch, "lr": 0.01,
         "train_loss": 2.3 / epoch, "val_loss": None if (name, epoch) == ("b", 2) else 2.0 / epoch,
         "val_accuracy": 0.1 * epoch, "seconds": seconds * epoch}
        for epoch in range(1, epochs + 1) for name in "ab"
    ]  # fmt: skip


def histograms(epochs):
    """histograms.npz of one leaf, with epoch 0; b's are not finite from the second on."""
    shape = (2, epochs + 1, 1)
    low = np.full(shape, -1.0, np.float32)
    low[1, 2:] = np.nan
    counts = np.tile(np.arange(64, dtype=np.int32), (*shape, 1))
    counts += np.arange(epochs + 1, dtype=np.int32)[:, None, None]
    return {
        "members": np.array(["a", "b"]), "epochs": np.arange(epochs + 1.0),
        "leaves": np.array(["conv1/kernel"]), "counts": counts, "low": low,
        "high": np.full(shape, 3.0, np.float32), "mean": np.full(shape, 0.5, np.float32),
        "std": np.full(shape, 2.0, np.float32),
    }  # fmt: skip


def save(job, epochs, **changes):
    record.write_lines(job.path / "metrics.jsonl", rows(epochs, **changes))


def finish(job):
    score = {"best": {"accuracy": 0.5, "loss": 1.5}, "last": {"accuracy": None, "loss": None}}
    members = {name: {"test": score, "best_epoch": None} for name in "ab"}
    record.write_json(job.path / "summary.json", {"members": members})


def train_quickly(job, machine, saved):
    """As `train_job`, with records made up: 2 epochs."""
    record.write_json(job.path / "group.json", {"members": ["a", "b"], "numerics": {}})
    for epochs in (1, 2):
        save(job, epochs)
        saved()
    finish(job)


@pytest.fixture
def job(tmp_path):
    """A group of two members, begun and not trained."""
    made = tiny.make_plan({"optim.lr": 0.01}, {"optim.lr": 0.03})
    runs = tuple(
        member._replace(id=name)
        for member, name in zip(tiny.members({}, {"optim.lr": 0.03}), "ab", strict=True)
    )
    record.write_json(tmp_path / "config.json", {
        "study": "tiny", "members": [{"id": "a"}, {"id": "b"}],
    })  # fmt: skip
    path = tmp_path / "groups" / "g"
    record.write_json(path / "group.json", {"members": ["a", "b"], "numerics": {}})
    return Job(made, runs, None, path, False)


@pytest.fixture
def feed():
    """Makes feeds of a tracker; what a kill would leave open is closed after the test."""
    made = []

    def make(name="tensorboard"):
        made.append(Feed(trackers.TRACKERS[name].open))
        return made[-1]

    yield make
    for each in made:
        each.close()


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
        record.write_table(job.path / "histograms.npz", histograms(epochs))
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
    record.write_table(job.path / "test.npz", scores)
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
    monkeypatch.setattr(run, "train_job", train_quickly)
    monkeypatch.setattr(run.record, "merge", lambda *args: None)


def test_the_python_call_feeds_them(quick, tmp_path):
    jaxcifar.train(STUDY, tmp_path / "run", trackers=("tensorboard",))
    for name in "ab":
        found = event_files.scalars(tmp_path / "run" / "tensorboard" / name)
        found = [point for point in found if "test" not in point[0]]
        assert sorted(found) == event_files.expected(rows(2), name)
    assert not (tmp_path / "plain").exists()
    jaxcifar.train(STUDY, tmp_path / "plain")
    assert not (tmp_path / "plain" / "tensorboard").exists()


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
    monkeypatch.setattr(run, "train_job", lambda job, machine, saved: (
        train_quickly(job, machine, saved) if len(job.members) == 2 else saved()
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


class FakeRun:
    """Stands in for a W&B run: remembers what it was told."""

    def __init__(self, **given):
        self.given, self.history, self.files, self.finished = given, {}, [], False
        self.config = types.SimpleNamespace(update=lambda values, **_: self.history.update(values))

    def log(self, values, step="next"):
        for name, value in values.items():
            assert (name, step) not in self.history, "sent twice"
            self.history[name, step] = value

    def log_artifact(self, artifact):
        self.files.append(artifact)

    def finish(self):
        self.finished = True


@pytest.fixture
def wandb(monkeypatch):
    """A module in the place of wandb; its runs, in the order they were opened."""
    module = types.ModuleType("wandb")
    module.__spec__ = ModuleSpec("wandb", None)
    module.runs = []
    module.init = lambda **given: module.runs.append(FakeRun(**given)) or module.runs[-1]
    module.Settings = module.Histogram = lambda **values: values
    module.Html = module.Image = lambda content: content
    module.Artifact = lambda name, type: types.SimpleNamespace(
        name=name, add_file=lambda path: module.runs[-1].files.append(Path(path).read_bytes())
    )
    monkeypatch.setitem(sys.modules, "wandb", module)
    monkeypatch.setenv("WANDB_MODE", "offline")
    return module


def test_wandb_continues_under_one_id_and_sends_no_row_twice(job, wandb, feed):
    told = feed("wandb")
    save(job, 2)
    told.update(job)
    again = feed("wandb")
    save(job, 1)
    again.update(job)
    save(job, 3)
    again.update(job)
    finish(job)
    again.finish(job)
    one, _, two, _ = wandb.runs
    assert one.given["id"] == two.given["id"] and two.given["resume"] == "allow"
    assert one.given["project"] == "tiny" and one.history["optim.name"] == "sgd"
    steps = [[key[1] for key in made.history if key[0] == "train_loss"] for made in (one, two)]
    assert steps == [[3, 6], [9]]
    assert two.history["test_accuracy/best", "next"] == 0.5 and two.finished
    finished = feed("wandb")
    finished.finish(job)
    assert len(wandb.runs) == 4, "a finished member is not opened again"


def test_wandb_keeps_the_best_weights(job, wandb, monkeypatch, feed):
    def export(job, name, path):
        path.write_text(f"{name} of {job.path.name}")

    monkeypatch.setattr(trackers.feed, "_export", export)
    save(job, 1)
    finish(job)
    content = json.loads((job.path / "summary.json").read_text())
    content["members"]["b"]["best_epoch"] = 1.0
    record.write_json(job.path / "summary.json", content)
    feed("wandb").finish(job)
    a, b = wandb.runs
    assert not a.files, "a has no best weights"
    assert b.files[0] == b"b of g" and b.files[1].name == f"{b.given['id']}-b-best"


def test_wandb_takes_its_key_from_the_environment_alone(job, wandb, monkeypatch, feed):
    monkeypatch.delenv("WANDB_MODE")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(UserError, match="WANDB_API_KEY"):
        trackers.check(("wandb",))
    monkeypatch.setenv("WANDB_API_KEY", "s3cret")
    trackers.check(("wandb",))
    save(job, 1)
    feed("wandb").update(job)
    assert "s3cret" not in str(wandb.runs[0].given) + str(wandb.runs[0].history)
    for path in job.path.parents[1].rglob("*"):
        assert path.is_dir() or b"s3cret" not in path.read_bytes()
