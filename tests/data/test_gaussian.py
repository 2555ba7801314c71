"""Points of ten Gaussian numbers: what images of them hold, how exactly, and their labels."""

import hashlib

import numpy as np
import pytest

from jaxcifar import models
from jaxcifar.core.errors import UserError
from jaxcifar.data import NORMALISATIONS, gaussian, load


def test_pinned_content():
    """Changing these bytes changes every result of the set: then say so in the change log."""
    images, labels = gaussian.generate(64, seed=0, split=0)
    assert images.shape == (64, 32, 32, 3) and images.dtype == labels.dtype == np.uint8
    assert labels[:10].tolist() == PINNED_LABELS
    assert hashlib.sha256(images).hexdigest() == PINNED_IMAGES


def test_images_hold_the_numbers_to_7e_5_standard_deviations():
    images, _ = gaussian.generate(500, seed=0, split=0)
    drawn = gaussian._normal(500, 0, 0)
    assert np.abs(drawn).max() < 5, "none of these is cut off"
    error = np.abs(gaussian.numbers_of(images) - drawn)
    assert 6e-5 < error.max() <= 0.5 / 288 / 255 * 10 * (1 + 1e-9)
    assert (images[:, 30:] == 128).all()


def test_numbers_far_out_are_cut_off(monkeypatch):
    monkeypatch.setattr(
        gaussian, "_normal", lambda n, *_: np.linspace(-8, 8, 10 * n).reshape(n, 10)
    )
    images, _ = gaussian.generate(10, seed=0, split=0)
    wanted = np.clip(np.linspace(-8, 8, 100).reshape(10, 10), -5, 5)
    np.testing.assert_allclose(gaussian.numbers_of(images), wanted, atol=7e-5)


def test_they_are_standard_normal_and_independent():
    numbers = gaussian.numbers_of(gaussian.generate(20_000, seed=1, split=0)[0])
    np.testing.assert_allclose(numbers.mean(0), 0, atol=5 / np.sqrt(20_000))
    np.testing.assert_allclose(np.cov(numbers.T), np.eye(10), atol=5 * np.sqrt(2 / 20_000))
    np.testing.assert_allclose((numbers**4).mean(), 3, atol=0.1)


def test_labels_are_the_largest_output_of_a_matrix_that_splits_share():
    points = gaussian.generate(400, seed=3, split=0), gaussian.generate(400, seed=3, split=1)
    matrix = gaussian._normal(10, 3, 2)
    for images, labels in points:
        np.testing.assert_array_equal(labels, (gaussian.numbers_of(images) @ matrix).argmax(1))
        assert len(np.unique(labels)) == 10
    assert (points[0][0] != points[1][0]).any()


def test_a_smaller_set_is_the_beginning_of_a_larger_one():
    images, labels = gaussian.generate(300, seed=5, split=1)
    fewer_images, fewer_labels = gaussian.generate(30, seed=5, split=1)
    assert np.array_equal(images[:30], fewer_images) and np.array_equal(labels[:30], fewer_labels)


def test_it_is_a_data_set_like_others():
    data = load("gaussian", None, n_train=30, n_test=20, seed=3)
    assert data.label == "synthetic Gaussian points" and len(data.test_labels) == 20
    assert data.source == "generated from seed 3: 30 train, 20 test"
    assert len(load("gaussian", None).train_labels) == 1_000
    with pytest.raises(UserError, match="data.dir is '/x', but the gaussian set reads no files"):
        load("gaussian", "/x")


@pytest.mark.parametrize("depth", [1, 2, 25])
def test_a_deep_linear_network_sees_the_numbers(depth):
    """Its output is the product of its matrices applied to what `numbers_of` reads."""
    images, _ = gaussian.generate(8, seed=0, split=0)
    mean, std = NORMALISATIONS["half"]
    pixels = ((images / 255 - mean) / std).astype(np.float32)
    model = models.make_model("deep_linear", depth=depth)
    rng = np.random.default_rng(depth)
    names = [*(f"fc{number}" for number in range(1, depth)), "fc"]
    matrices = {name: rng.normal(size=(10, 10)) / np.sqrt(10) for name in names}
    found = model.apply({"params": {name: {"kernel": matrices[name].astype(np.float32)}
                                    for name in names}}, pixels, train=True)  # fmt: skip
    wanted = gaussian.numbers_of(images)
    for name in names:
        wanted = wanted @ matrices[name]
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


PINNED_LABELS = [7, 9, 0, 7, 9, 9, 3, 7, 2, 7]
PINNED_IMAGES = "2906bdaedf312ec089a1081ad842d9f1db9b5ec7eda89d1fd17272d36139283a"
