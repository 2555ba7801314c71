"""RandAugment against torchvision's, bit for bit, and the numbers of its published setting."""

import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pictures import PICTURES, golden
from PIL import Image, ImageOps

from jaxcifar.augment import randaugment

RECORDED = golden("randaugment")  # crcs (14, 31, 2, 8), bin_9 (14, 2, 2, 32, 32, 3)
OTHER_NAMES = {
    "color": "colour", "shearx": "shear_x", "sheary": "shear_y", "translatex": "translate_x",
    "translatey": "translate_y",
}  # fmt: skip
BINS = (0, 9, 15, 20, 30)  # all 31 agree; these have the ends and both halves of the scale


def place(name):
    return randaugment.OPERATIONS.index(name)


def test_operations_are_torchvisions():
    names = tuple(OTHER_NAMES.get(name.lower(), name.lower()) for name in RECORDED["names"])
    assert names == randaugment.OPERATIONS


@pytest.fixture(scope="module")
def operated():
    """Every operation, magnitude, sign and picture: (14, bins, 2, 8, 32, 32, 3)."""
    shape = (14, len(BINS), 2, 8)
    operation, magnitude, minus, picture = (axis.ravel() for axis in np.indices(shape))
    out = jax.jit(randaugment.operate)(
        jnp.asarray(PICTURES[picture]), jnp.asarray(operation)[None], jnp.asarray(minus == 1)[None],
        jnp.asarray(BINS)[magnitude],
    )  # fmt: skip
    return np.asarray(out).reshape(*shape, 32, 32, 3)


def test_every_operation_is_torchvisions(operated):
    expected = RECORDED["crcs"][:, BINS]
    for at in np.ndindex(operated.shape[:4]):
        crc = zlib.crc32(np.ascontiguousarray(operated[at]).tobytes())
        assert crc == expected[at], (randaugment.OPERATIONS[at[0]], BINS[at[1]], *at[2:])


def test_images_at_magnitude_9(operated):
    np.testing.assert_array_equal(operated[:, BINS.index(9)][:, :, [0, 5]], RECORDED["bin_9"])


def test_published_strengths():
    """Magnitude 9 of 31, as the report prints it."""
    tables = randaugment.strength_tables()
    pixel = 65536
    for name, axis in (("shear_x", 1), ("shear_y", 3)):
        found = tables.maps[place(name), 9, :, axis] / pixel
        np.testing.assert_allclose(found, [0.09, -0.09], atol=1e-5)
    for name, axis in (("translate_x", 2), ("translate_y", 5)):
        found = tables.maps[place(name), 9, :, axis] / pixel - 0.5
        np.testing.assert_array_equal(found, [-4, 4])  # the source of a pixel lies 4 before it
    turned = tables.maps[place("rotate"), 9, :, :2] / pixel
    np.testing.assert_allclose(
        turned, [[np.cos(np.pi / 20), -np.sin(np.pi / 20)],
                 [np.cos(np.pi / 20), np.sin(np.pi / 20)]], atol=1e-5,
    )  # fmt: skip
    for name in ("brightness", "colour", "contrast", "sharpness"):
        np.testing.assert_allclose(tables.factors[place(name), 9], [1.27, 0.73], atol=1e-7)
    assert tables.bits[9] == 7 and tables.thresholds[9] == 178.5


def test_draws_are_uniform_and_independent():
    n = 14_000
    operations, minus = (
        np.asarray(x) for x in randaugment.draw_operations(jax.random.key(1), n, 2)
    )
    assert operations.shape == minus.shape == (2, n)
    pairs = np.zeros((14, 14))
    np.add.at(pairs, tuple(operations), 1)
    expected = n / 14**2
    assert ((pairs - expected) ** 2 / expected).sum() < 262  # chi-square, 195 degrees: p = 0.001
    for name in range(14):
        signs = minus[operations == name]
        assert abs(signs.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(signs))


def test_operations_follow_each_other(operated):
    """Two in one call are the first and then the second."""
    shift, equal = place("translate_x"), place("equalize")
    both = jax.jit(randaugment.operate)(
        jnp.asarray(PICTURES), jnp.full((2, 8), shift).at[1].set(equal), jnp.ones((2, 8), bool),
        jnp.int32(9),
    )  # fmt: skip
    left = operated[shift, BINS.index(9), 1]
    expected = [np.asarray(ImageOps.equalize(Image.fromarray(image))) for image in left]
    np.testing.assert_array_equal(both, np.stack(expected))
