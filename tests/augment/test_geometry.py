"""Flips, crops and affine maps: what they do to pixels, how draws are distributed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pictures import PICTURES, golden

from jaxcifar.augment import geometry

N = 2000


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.integers(1, 256, (16, 32, 32, 3), dtype=np.uint8))  # no zeros


@pytest.fixture(scope="module")
def marked():
    """N times the image whose pixel (r, c) is (r + 1, c + 1, 255)."""
    rows, columns = np.mgrid[1:33, 1:33]
    image = np.stack([rows, columns, np.full((32, 32), 255)], -1).astype(np.uint8)
    return np.broadcast_to(image, (N, 32, 32, 3))


@pytest.mark.parametrize("name, axis", [("hflip", 2), ("vflip", 1)])
def test_flip_mirrors_about_half_of_the_images(name, axis, marked):
    out = np.asarray(getattr(geometry, name)(jax.random.key(0), marked))
    flipped = (out == np.flip(marked, axis)).all((1, 2, 3))
    kept = (out == np.asarray(marked)).all((1, 2, 3))
    assert (flipped ^ kept).all()
    assert abs(flipped.mean() - 0.5) < 4 * 0.5 / np.sqrt(N)


def test_crop_is_a_window_of_the_zero_padded_image(images):
    key = jax.random.key(5)
    out = np.asarray(geometry.crop(key, images))
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    for n, (i, j) in enumerate(np.asarray(geometry.crop_offsets(key, 16)).T):
        np.testing.assert_array_equal(out[n], padded[n, i : i + 32, j : j + 32])


def test_crop_offsets_are_uniform_and_independent(marked):
    out = np.asarray(geometry.crop(jax.random.key(7), marked)).astype(int)
    # The centre pixel was at (r + i - 4, c + j - 4), and says so.
    found = out[:, 16, 16, :2] - 17 + 4
    counts = np.zeros((9, 9))
    np.add.at(counts, (found[:, 0], found[:, 1]), 1)
    expected = N / 81
    assert counts.sum() == N and (counts > 0).all()
    assert ((counts - expected) ** 2 / expected).sum() < 125  # chi-square, 80 degrees: p = 0.001


def test_crop_borders_are_black(marked):
    key = jax.random.key(7)
    out = np.asarray(geometry.crop(key, marked))[..., 2]
    rows, columns = np.asarray(geometry.crop_offsets(key, N))
    assert ((out == 0).all(2).sum(1) == np.abs(rows - 4)).all()
    assert ((out == 0).all(1).sum(1) == np.abs(columns - 4)).all()


def turned(images, degrees):
    return np.asarray(jax.jit(geometry.rotate)(jnp.asarray(images), jnp.asarray(degrees)))


def test_rotation_is_pillows():
    recorded = golden("rotation")
    rows = np.arange(len(recorded["angles"])) % 8
    with jax.enable_x64(True):
        out = turned(PICTURES[rows], recorded["angles"])
    np.testing.assert_array_equal(out, recorded["out"])
    np.testing.assert_array_equal(out[0], PICTURES[0])  # by 0 degrees
    single = turned(PICTURES[rows], np.float32(recorded["angles"]))
    assert (single == recorded["out"]).all(-1).mean() > 0.9999


def test_rotations_are_uniform_to_both_sides(monkeypatch):
    seen = []
    monkeypatch.setattr(geometry, "rotate", lambda images, degrees: seen.append(degrees))
    geometry.rotation(jax.random.key(2), jnp.zeros((N, 1, 1, 1)), rotation_degrees=15.0)
    degrees = np.sort(np.asarray(seen[0]))
    assert -15 <= degrees[0] < -14.8 and 14.8 < degrees[-1] <= 15
    assert np.abs(degrees - np.linspace(-15, 15, N)).max() < 30 * 1.95 / np.sqrt(N)  # p = 0.001


def test_an_affine_map_fills_with_black(images):
    """The identity, two columns to the right, and nothing left of the image."""
    maps = np.tile([1.0, 0, 0, 0, 1, 0], (16, 1))
    maps[:, 2] = -2
    see = jax.jit(geometry.affine)
    out = np.asarray(see(images, jnp.asarray(geometry.fixed_point(maps))))
    assert (out[:, :, :2] == 0).all()
    np.testing.assert_array_equal(out[:, :, 2:], images[:, :, :-2])
    maps[:, 2] = 40
    assert not see(images, jnp.asarray(geometry.fixed_point(maps))).any()
