"""A run of toy size, trained once for all tests of landscapes: three epochs, all of them kept."""

import pytest
import tiny

import jaxcifar
from jaxcifar.config import Member, Study, replace

BASE = replace(tiny.BASE, {
    "data.n_train": 40, "data.n_test": 20, "checkpoint.keep_every": "1 epoch", "train.epochs": 3,
    "loss.l1": 0.01, "model.filters": (4, 4, 4), "model.dropout_rate": 0.5,
})  # fmt: skip
STUDY = Study("tiny", BASE, (Member("a", {"optim.lr": 0.01}), Member("b", {"optim.lr": 0.03})))


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Its `Results`."""
    return jaxcifar.train(STUDY, tmp_path_factory.mktemp("runs") / "tiny")
