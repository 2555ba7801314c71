"""Histograms of weights, against NumPy."""

import jax
import numpy as np
import pytest
import tiny

from jaxcifar import models, programs
from jaxcifar.config import replace
from jaxcifar.evaluation import weight_histograms
from jaxcifar.training import engine
from jaxcifar.training.book import new_book

BASE = replace(tiny.BASE, {"eval.histograms": True})
NAMES = tuple(f"{layer}/kernel" for layer in ("conv1", "conv2", "conv3", "fc1", "fc2", "fc3"))


@pytest.fixture(scope="module")
def made():
    return tiny.make_plan({"seed": 1}, {"seed": 2}, base=BASE)


def test_counts_are_numpys(made):
    """Weights on a grid that float32 holds exactly, so that no edge of a bin is in doubt."""
    program, rng = made.phases[0].program, np.random.default_rng(0)

    def drawn(leaf):
        grid = rng.integers(-128, 129, leaf.shape) / 128
        grid.reshape(2, -1)[:, :2] = -1, 1
        return (grid * np.array([1, 4]).reshape(2, *[1] * (leaf.ndim - 1))).astype(np.float32)

    params = jax.tree.map(drawn, engine.blank(made, 0).state.params)
    found = weight_histograms.measure(program, programs.place(params, program))
    assert weight_histograms.leaves(program) == NAMES
    for index, leaf in enumerate(models.kernels(params).values()):
        for m, span in enumerate((1, 4)):
            counts, _ = np.histogram(leaf[m], 64, (-span, span))
            np.testing.assert_array_equal(found["counts"][m, index], counts)
            assert (found["low"][m, index], found["high"][m, index]) == (-span, span)
            assert found["mean"][m, index] == pytest.approx(leaf[m].mean(), abs=1e-6)
            assert found["std"][m, index] == pytest.approx(leaf[m].std(), rel=1e-5)


def test_equal_weights_lie_in_the_first_bin(made):
    program = made.phases[0].program
    params = jax.tree.map(
        lambda leaf: np.full(leaf.shape, 0.25, np.float32), engine.blank(made, 0).state.params
    )
    found = weight_histograms.measure(program, programs.place(params, program))
    sizes = [leaf[0].size for leaf in models.kernels(params).values()]
    assert (found["counts"][:, :, 0] == sizes).all() and not found["counts"][:, :, 1:].any()
    assert (found["std"] == 0).all() and (found["mean"] == 0.25).all()


def test_the_table_ends_with_the_last_evaluation(made):
    book = new_book(made)
    assert weight_histograms.table(made, book)["epochs"].tolist() == [0]
    book.rows["epoch"][:, 0] = 1
    book.histograms["counts"][:, :2] = 7
    table = weight_histograms.table(made, book)
    assert table["epochs"].tolist() == [0, 1] and table["leaves"].tolist() == list(NAMES)
    assert table["counts"].shape == (2, 2, 6, 64) and (table["counts"] == 7).all()
    turned = book._replace(histograms=dict(reversed(book.histograms.items())))
    assert list(weight_histograms.table(made, turned)) == list(table), (
        "the same bytes from a checkpoint"
    )
    assert table["counts"].dtype == np.int32 and table["low"].dtype == np.float32


def test_a_loop_s_stacked_vectors_are_no_kernels():
    names = [
        name.removesuffix("/kernel") for name in models.kernels(models.shapes("rn8")["params"])
    ]
    encoder = [f"encoder/{name}" for name in ("conv1", "conv2", "conv3", "fc")]
    assert names == ["blocks/conv1", "blocks/conv2", "conv1", *encoder]


def test_nothing_is_recorded_unasked():
    assert new_book(tiny.make_plan()).histograms == {}
