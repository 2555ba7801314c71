"""Confusion matrix and calibration bins, against NumPy and by hand."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar import programs
from jaxcifar.evaluation import summary
from jaxcifar.evaluation.scoring import Examined
from jaxcifar.records import calibration


def test_sums_are_numpys_over_the_images_that_count():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (60, 10)).astype(np.float32)
    labels, mask = rng.integers(0, 10, 60), np.arange(60) < 47
    found = programs.tally(jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(mask))
    given = logits.argmax(1)
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels[mask], given[mask]), 1)
    np.testing.assert_array_equal(found.confusion, confusion)
    top = np.asarray(jax.nn.softmax(logits)).max(1)
    places = np.ceil(top * 15).astype(int) - 1
    for values, weights in zip(found[1:], (np.ones(60), given == labels, top), strict=True):
        expected = np.bincount(places[mask], weights[mask], 15)
        np.testing.assert_allclose(values, expected, rtol=1e-6)
    assert all(values.dtype == np.int32 for values in found[:3])


def test_a_bin_holds_its_upper_edge():
    """The larger of five equal outputs is 3/15, of three 5/15, of one 15/15."""
    logits = np.full((3, 10), -np.inf, np.float32)
    logits[0, :5] = logits[1, :3] = logits[2, 0] = 0
    found = programs.tally(jnp.asarray(logits), jnp.array([0, 1, 0]), jnp.ones(3, bool))
    assert np.flatnonzero(found.bin_count).tolist() == [2, 4, 14]
    np.testing.assert_allclose(found.bin_confidence[np.array([2, 4, 14])], [1 / 5, 1 / 3, 1])
    assert found.bin_correct.sum() == 2 and found.confusion[1, 0] == 1


def test_calibration_error_of_known_confidence():
    """Ten images at confidence 0.8, six right; five at 0.45, three right."""
    confidence = np.repeat([0.8, 0.45], [10, 5])
    logits = np.zeros((15, 10), np.float32)
    logits[:, 0] = np.log(9 * confidence / (1 - confidence))  # the other nine share the rest
    labels = np.array([0] * 6 + [1] * 4 + [0] * 3 + [1] * 2)
    found = programs.tally(jnp.asarray(logits), jnp.asarray(labels), jnp.ones(15, bool))
    error = calibration.expected_calibration_error(*found[1:])
    assert error == pytest.approx((10 * (0.8 - 0.6) + 5 * (0.6 - 0.45)) / 15, abs=1e-6)


def test_lost_weights_have_no_counts():
    """Member 0 never had best weights, member 1 diverged, member 2 gives no finite loss at all."""
    counts = programs.Answers(
        *(np.ones((4, *shape), int) for shape in ((10, 10), (15,), (15,), (15,)))
    )
    examined = Examined(np.array([1.0, 1.0, np.nan, 1.0]), np.ones(4), counts)
    snapshot = SimpleNamespace(
        book=SimpleNamespace(best_step=np.array([-1, 3, 3, 3])),
        state=SimpleNamespace(bad_step=np.array([-1, 5, -1, -1])),
    )
    tested = {"last": examined, "best": examined}
    table = summary.test_table(
        SimpleNamespace(members=tuple("abcd")), "0123456789", snapshot, tested
    )
    images = [[100, 0], [0, 100], [0, 0], [100, 100]]
    assert table["confusion"].sum((2, 3)).tolist() == images and table["kinds"][1] == "best"
    assert (table["bin_count"].sum(2) == np.array(images) * 15 / 100).all()
    assert table["confusion"].dtype == table["bin_count"].dtype == np.int32
    assert table["bin_confidence"].dtype == np.float64
