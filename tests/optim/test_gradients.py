"""What optimizers are fed: clipped gradients, cleared or carried on."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxcifar import optim


def test_clipping_scales_to_the_norm_with_pytorchs_epsilon():
    with jax.enable_x64(True):
        clipped = optim.clip_by_global_norm({"a": jnp.array([3.0]), "b": jnp.array([4.0])}, 1.0)
        expected = 5 / (5 + 1e-6)
        np.testing.assert_allclose(
            np.hypot(clipped["a"], clipped["b"]), expected, rtol=0, atol=1e-12
        )
        np.testing.assert_allclose(clipped["a"], 0.59999988, rtol=0, atol=5e-9)


def test_small_gradients_are_not_scaled_up():
    grads = jnp.array([0.3, 0.4])
    np.testing.assert_array_equal(optim.clip_by_global_norm(grads, 5.0), grads)


@pytest.mark.parametrize("value", [1e-3, 1e30, np.nan, np.inf])
def test_infinite_norm_switches_clipping_off_bit_for_bit(value):
    grads = np.random.default_rng(0).normal(size=50).astype("f")
    grads[7] = value
    out = jax.jit(optim.clip_by_global_norm)(grads, jnp.float32(jnp.inf))
    np.testing.assert_array_equal(out, grads)


def test_carried_gradients_add_up_under_the_clipping():
    """The printed values, of a rule that hands on what it is fed."""
    grads = np.array([[0.6, 0.0], [0.6, 0.6], [0.0, -1.0]])
    expected = [[0.6, 0.0], [0.89442652, 0.44721326], [0.85064968, -0.52573113]]
    rule = optax.with_extra_args_support(optax.identity())
    tx = optim.ACCUMULATIONS["carry"](rule, 1.0)
    with jax.enable_x64(True):
        state = tx.init(jnp.zeros(2))
        for g, fed in zip(jnp.asarray(grads), expected, strict=True):
            direction, state = tx.update(g, state, g)
            np.testing.assert_allclose(direction, fed, rtol=0, atol=6e-9)
            np.testing.assert_array_equal(direction, state.gradient)


def test_the_decay_of_a_rule_is_not_carried():
    params = jnp.array([10.0])
    tx = optim.ACCUMULATIONS["carry"](
        optim.make_optimizer("sgd", weight_decay=0.1, momentum=0.0), jnp.inf
    )
    direction, state = tx.update(jnp.array([1.0]), tx.init(params), params)
    np.testing.assert_allclose(direction, 2.0)
    np.testing.assert_allclose(state.gradient, 1.0)
    assert optim.eval_params("sgd", state, params) is params


def test_gradients_that_a_rule_asks_for_are_clipped_too():
    """sam at a place where its second gradient is long: the step is the clipped one."""
    params = jnp.array([3.0, 4.0])
    tx = optim.ACCUMULATIONS["reset"](optim.make_optimizer("sam", momentum=0.0, rho=1.0), 1.0)
    looked_at = []

    def grad_fn(at, *_):
        looked_at.append(at)
        return 100 * at

    direction, _ = tx.update(params, tx.init(params), params, grad_fn=grad_fn, value=0.0)
    np.testing.assert_allclose(looked_at, [[3.6, 4.8]], rtol=1e-6)
    np.testing.assert_allclose(direction, [0.6, 0.8], rtol=1e-6)
