"""The test set cannot reach selection: nothing reads it before the last epoch is over."""

from pathlib import Path

import pytest
import tiny

import jaxcifar
from jaxcifar import data
from jaxcifar.config import Study, replace
from jaxcifar.records import formats

BASE = replace(tiny.BASE, {"data.n_train": 40, "data.n_test": 20})


class Touched(Exception):
    """Somebody looked at a test image or label."""


class Forbidden:
    """Stands for an array that must not be looked at."""

    def __getattribute__(self, name: str):
        raise Touched(name)

    def __len__(self):
        raise Touched("len")

    def __getitem__(self, rows):
        raise Touched("rows")


@pytest.fixture
def evaluations(monkeypatch, tmp_path):
    """Train with test images that must not be read; the evaluations recorded up to that."""
    load = data.load

    def guarded(*args, **options):
        return load(*args, **options)._replace(test_images=Forbidden(), test_labels=Forbidden())

    monkeypatch.setattr(data, "load", guarded)

    def train(select_on: str) -> list[float]:
        changes = {"select_on": select_on} | (
            {"data.validation": 0.0} if "test" in select_on else {}
        )
        with pytest.raises(Touched):
            jaxcifar.train(Study("guarded", replace(BASE, changes)), tmp_path / select_on)
        lines = formats.read_lines(Path(tmp_path / select_on) / "metrics.jsonl")
        return [line["epoch"] for line in lines]

    return train


@pytest.mark.parametrize(
    "select_on", ["validation", pytest.param("validation_augmented", marks=pytest.mark.slow)]
)
def test_all_epochs_are_over_before_the_test_set_is_read(evaluations, select_on):
    assert evaluations(select_on) == [1.0, 2.0]


def test_a_run_that_selects_on_the_test_set_reads_it_at_once(evaluations):
    assert evaluations("test") == []
