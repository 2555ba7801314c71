"""Augmentations: what they do to pixels, how draws are distributed, and where they depend on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar import augment
from jaxcifar.errors import UserError

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


@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_contract(name, images):
    fn = augment.AUGMENTATIONS[name]
    out, compiled = fn(jax.random.key(0), images), jax.jit(fn)
    assert out.shape == images.shape and out.dtype == images.dtype
    assert not np.array_equal(out, images)
    np.testing.assert_array_equal(compiled(jax.random.key(0), images), out)
    assert not np.array_equal(compiled(jax.random.key(1), images), out)


@pytest.mark.parametrize("name", augment.AUGMENTATIONS)
def test_members_draw_under_vmap_as_they_do_alone(name, images):
    keys = jax.random.split(jax.random.key(3), 3)
    fn = augment.AUGMENTATIONS[name]
    together = jax.jit(jax.vmap(fn, in_axes=(0, None)))(keys, images)
    for m in range(3):
        np.testing.assert_array_equal(together[m], fn(keys[m], images))


@pytest.mark.parametrize("name, axis", [("hflip", 2), ("vflip", 1)])
def test_flip_mirrors_about_half_of_the_images(name, axis, marked):
    out = np.asarray(augment.AUGMENTATIONS[name](jax.random.key(0), marked))
    flipped = (out == np.flip(marked, axis)).all((1, 2, 3))
    kept = (out == np.asarray(marked)).all((1, 2, 3))
    assert (flipped ^ kept).all()
    assert abs(flipped.mean() - 0.5) < 4 * 0.5 / np.sqrt(N)


def test_crop_is_a_window_of_the_zero_padded_image(images):
    key = jax.random.key(5)
    out = np.asarray(augment.crop(key, images))
    padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)))
    for n, (i, j) in enumerate(np.asarray(augment.crop_offsets(key, 16)).T):
        np.testing.assert_array_equal(out[n], padded[n, i : i + 32, j : j + 32])


def test_crop_offsets_are_uniform_and_independent(marked):
    out = np.asarray(augment.crop(jax.random.key(7), marked)).astype(int)
    # The centre pixel was at (r + i - 4, c + j - 4), and says so.
    found = out[:, 16, 16, :2] - 17 + 4
    counts = np.zeros((9, 9))
    np.add.at(counts, (found[:, 0], found[:, 1]), 1)
    expected = N / 81
    assert counts.sum() == N and (counts > 0).all()
    assert ((counts - expected) ** 2 / expected).sum() < 125  # chi-square, 80 degrees: p = 0.001


def test_crop_borders_are_black(marked):
    key = jax.random.key(7)
    out = np.asarray(augment.crop(key, marked))[..., 2]
    rows, columns = np.asarray(augment.crop_offsets(key, N))
    assert ((out == 0).all(2).sum(1) == np.abs(rows - 4)).all()
    assert ((out == 0).all(1).sum(1) == np.abs(columns - 4)).all()


def test_order_of_names_is_the_order_of_work(images):
    key = jax.random.key(0)
    first, second = (jax.random.fold_in(key, position) for position in (0, 1))
    expected = augment.crop(second, augment.hflip(first, images))
    np.testing.assert_array_equal(augment.augment(key, images, ("hflip", "crop")), expected)
    assert not np.array_equal(augment.augment(key, images, ("crop", "hflip")), expected)


def test_no_names_leave_images_alone(images):
    assert augment.augment(jax.random.key(0), images, ()) is images


def test_unknown_name_is_refused(images):
    with pytest.raises(UserError, match="unknown augmentation 'flip'; did you mean"):
        augment.augment(jax.random.key(0), images, ("flip",))


@pytest.mark.parametrize("dtype, tolerance", [("float32", 3e-7), ("bfloat16", 8e-3)])
def test_normalise(images, dtype, tolerance):
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    out = augment.normalise(images, mean, std, dtype)
    assert out.dtype == dtype
    expected = (np.asarray(images, np.float64) / 255 - mean) / std
    np.testing.assert_allclose(
        np.asarray(out, np.float64), expected, rtol=tolerance, atol=tolerance
    )


def test_normalise_in_float64(images):
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    with jax.enable_x64(True):
        out = jax.jit(lambda x: augment.normalise(x, mean, std, jnp.float64))(images)
    expected = (np.asarray(images, np.float64) / 255 - mean) / std
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-14)


def test_normalise_maps_half_to_one():
    ends = jnp.array([0, 255], jnp.uint8).reshape(2, 1, 1, 1)
    out = augment.normalise(ends, jnp.array([0.5]), jnp.array([0.5]))
    np.testing.assert_array_equal(out.ravel(), [-1, 1])
