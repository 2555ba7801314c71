"""A run of the BatchNorm study at a report's size."""

import pytest
from made_bn import load, make

from jaxcifar.reproduction.batchnorm import pictures


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three seeds at R1's size and settings."""
    return make(tmp_path_factory.mktemp("r1") / "run")


@pytest.fixture
def view(folder):
    return load(folder)


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr(pictures, "draw", lambda *_: [])
