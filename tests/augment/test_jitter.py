"""Colour jitter against torchvision's given the same draws, and the draws' distribution."""

import jax
import jax.numpy as jnp
import numpy as np
from pictures import PICTURES, golden

from jaxcifar.augment import jitter


def test_torchvisions_with_its_draws():
    recorded = golden("jitter")
    rows = np.arange(len(recorded["orders"])) % 8
    factors, orders = (jnp.asarray(recorded[name]) for name in ("factors", "orders"))
    out = jax.jit(jitter.apply_jitter)(jnp.asarray(PICTURES[rows]), factors, orders)
    np.testing.assert_array_equal(out, recorded["out"])


def test_factors_are_uniform_and_orders_equally_likely():
    n = 6000
    strengths = jnp.array([0.2, 0.5, 1.5])
    draw = jax.jit(jitter.draw_jitter, static_argnums=1)
    factors, order = (np.asarray(x) for x in draw(jax.random.key(0), n, strengths))
    for column, (low, high) in enumerate([(0.8, 1.2), (0.5, 1.5), (0, 2.5)]):
        expected = np.linspace(low, high, n)
        gap = np.abs(np.sort(factors[:, column]) - expected).max()
        assert gap < (high - low) * 1.95 / np.sqrt(n)  # Kolmogorov-Smirnov, p = 0.001
    _, counts = np.unique(order, axis=0, return_counts=True)
    assert len(counts) == 6 and ((counts - n / 6) ** 2 / (n / 6)).sum() < 20.5  # p = 0.001


def test_no_strength_changes_nothing():
    none = {f"jitter_{name}": jnp.float32(0) for name in ("brightness", "contrast", "saturation")}
    images = jnp.asarray(PICTURES)
    out = jax.jit(jitter.jitter)(jax.random.key(0), images, **none)
    np.testing.assert_array_equal(out, images)
