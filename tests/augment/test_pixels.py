"""Pixel operations against Pillow itself, bit for bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pictures import many
from PIL import Image, ImageEnhance, ImageOps

from jaxcifar.augment import pixels

N = 120
RNG = np.random.default_rng(1)
FACTORS = np.concatenate([[0, 1, 0.73, 1.27], RNG.uniform(0, 2, N - 4)])
BITS, THRESHOLDS = RNG.integers(1, 9, N), RNG.uniform(0, 256, N)
OPERATIONS = [
    (pixels.brightness, FACTORS, lambda image, by: ImageEnhance.Brightness(image).enhance(by)),
    (pixels.colour, FACTORS, lambda image, by: ImageEnhance.Color(image).enhance(by)),
    (pixels.contrast, FACTORS, lambda image, by: ImageEnhance.Contrast(image).enhance(by)),
    (pixels.sharpness, FACTORS, lambda image, by: ImageEnhance.Sharpness(image).enhance(by)),
    (pixels.posterize, BITS, lambda image, bits: ImageOps.posterize(image, int(bits))),
    (pixels.solarize, THRESHOLDS, ImageOps.solarize),
    (pixels.autocontrast, None, lambda image, _: ImageOps.autocontrast(image)),
    (pixels.equalize, None, lambda image, _: ImageOps.equalize(image)),
]


@pytest.fixture(scope="module")
def images():
    return many(N)


@pytest.mark.parametrize("ours, strengths, theirs", OPERATIONS, ids=[
    row[0].__name__ for row in OPERATIONS
])  # fmt: skip
def test_pillow(ours, strengths, theirs, images):
    given = () if strengths is None else (jnp.asarray(strengths),)
    out = np.asarray(jax.jit(ours)(jnp.asarray(images), *given))
    values = [None] * N if strengths is None else strengths
    expected = [
        np.asarray(theirs(Image.fromarray(image), by))
        for image, by in zip(images, values, strict=True)
    ]
    np.testing.assert_array_equal(out, np.stack(expected))
    assert not np.array_equal(out, images)


def test_autocontrast_of_lowest_and_highest_values():
    """The double precision that Pillow truncates in, for every seventh of the 32,640 pairs."""
    low, high = (side[::7, None].astype(np.float64) for side in np.triu_indices(256, 1))
    values, scale = np.clip(np.arange(256), low, high), 255.0 / (high - low)
    images = jnp.asarray(values.reshape(-1, 16, 16, 1), jnp.uint8)
    out = np.asarray(jax.jit(pixels.autocontrast)(images)).reshape(-1, 256)
    np.testing.assert_array_equal(out, np.trunc(values * scale + -low * scale))
    assert (out < (values - low) * 255 // (high - low)).any()


def test_histogram():
    images = many(6)
    counts = pixels.histogram(jnp.asarray(images))
    for n, c in np.ndindex(6, 3):
        np.testing.assert_array_equal(
            counts[n, :, c], np.bincount(images[n, ..., c].ravel(), minlength=256)
        )


def test_blends_of_all_pairs_round_the_product_before_the_sum():
    """Where multiply and add are fused, 105 + 0.73 * (5 - 105) comes out one below Pillow's."""
    low, high = np.meshgrid(np.arange(256), np.arange(256))
    factors = np.float32([0.73, 1.27])
    out = jax.jit(pixels.blend)(
        jnp.asarray(low)[None, ..., None],
        jnp.broadcast_to(jnp.asarray(high, jnp.uint8)[None, ..., None], (2, 256, 256, 1)),
        jnp.asarray(factors),
    )
    product = factors[:, None, None] * (high - low).astype(np.float32)
    expected = np.clip(low.astype(np.float32) + product, 0, 255)
    np.testing.assert_array_equal(out[..., 0], expected.astype(np.uint8))
    assert out[0, 5, 105, 0] == 32
