"""Weights & Biases, by a module that stands in for it."""

import json
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from made_tracked import finish, save

from jaxcifar import trackers
from jaxcifar.core.errors import UserError
from jaxcifar.records import formats


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
    formats.write_json(job.path / "summary.json", content)
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
