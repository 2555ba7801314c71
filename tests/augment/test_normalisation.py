"""Normalisation to its formula, in every precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar import augment


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.integers(0, 256, (16, 32, 32, 3), dtype=np.uint8))


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
