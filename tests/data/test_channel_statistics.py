"""Normalisation sets and the statistics they claim to be."""

import numpy as np
import pytest

from jaxcifar.data import NORMALISATIONS, channel_statistics, load


def test_statistics_of_known_pixels():
    images = np.zeros((2, 32, 32, 3), np.uint8)
    images[0, ..., 0] = 255
    images[..., 1] = 51
    mean, std = channel_statistics(images)
    assert mean == pytest.approx((0.5, 0.2, 0.0), abs=1e-15)
    assert std == pytest.approx((0.5, 0.0, 0.0), abs=1e-12)


def test_statistics_agree_with_plain_numpy():
    images = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), dtype=np.uint8)
    mean, std = channel_statistics(images)
    assert mean == pytest.approx((images / 255).mean((0, 1, 2)), rel=1e-12)
    assert std == pytest.approx((images / 255).std((0, 1, 2)), rel=1e-12)


def test_table():
    """Pinned: changing a value changes every result trained under that name."""
    assert set(NORMALISATIONS) == {"cifar_a", "cifar_b", "cifar_c", "half", "imagenet"}
    assert NORMALISATIONS["cifar_a"] == ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
    assert NORMALISATIONS["cifar_b"] == ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    exact = NORMALISATIONS["cifar_c"]
    assert exact.mean == (0.49139968, 0.48215841, 0.44653091)
    assert exact.std == (0.24703223, 0.24348513, 0.26158784)
    assert NORMALISATIONS["half"] == ((0.5,) * 3, (0.5,) * 3)
    assert NORMALISATIONS["imagenet"] == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.data
@pytest.mark.slow
def test_statistics_of_the_real_images(jpeg_set):
    """Of the JPEG images; they keep the published mean to 1e-3 and lose a little deviation."""
    found = channel_statistics(load("cifar10", str(jpeg_set)).train_images)
    assert found.mean == pytest.approx((0.491250, 0.482090, 0.446521), abs=1e-6)
    assert found.std == pytest.approx((0.245232, 0.242782, 0.260629), abs=1e-6)
    assert found.mean == pytest.approx(NORMALISATIONS["cifar_a"].mean, abs=1e-3)
