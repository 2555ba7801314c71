"""Optimizer chains against printed values and PyTorch's recorded trajectories."""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar import optim
from jaxcifar.errors import UserError

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "optim.npz")
CASES = json.loads(str(GOLDEN["cases"]))


def run(name, params, grads, lr, numbers, clip):
    """Parameters after each gradient; everything numeric is traced."""

    @jax.jit
    def trajectory(params, grads, lr, numbers, clip):
        tx = optim.make_optimizer(name, **numbers)

        def body(carry, g):
            params, opt_state = carry
            direction, opt_state = tx.update(
                optim.clip_by_global_norm(g, clip), opt_state, params, value=0.0, grad_fn=None
            )
            params = optim.apply_direction(params, direction, lr)
            return (params, opt_state), params

        return jax.lax.scan(body, (params, tx.init(params)), grads)[1]

    return trajectory(params, grads, lr, numbers, clip)


PRINTED = {  # from [1, -2] with gradients [.5, -.1], [-.2, .3], [.1, .1], lr .1, decay .01
    "sgd": [[0.949, -1.988], [0.922151, -2.005212], [0.887064749, -2.028697588]],
    "adam": [
        [0.900000002, -1.9000000083],
        [0.8633641381, -1.9421356515],
        [0.8230847218, -1.9899271316],
    ],
    "adamw": [
        [0.899000002, -1.89800001],
        [0.8635404181, -1.9455209911],
        [0.8247377004, -1.9992674768],
    ],
    "sign_sgd": [[0.99, -1.99], [0.991, -1.991], [0.9819, -2.0019]],
}


@pytest.mark.parametrize("name", PRINTED)
def test_printed_values(name):
    numbers = {"weight_decay": 0.01} | ({"momentum": 0.9} if "sgd" in name else {})
    with jax.enable_x64(True):
        grads = jnp.array([[0.5, -0.1], [-0.2, 0.3], [0.1, 0.1]])
        out = run(name, jnp.array([1.0, -2.0]), grads, 0.1, numbers, np.inf)
    np.testing.assert_allclose(out, PRINTED[name], rtol=0, atol=6e-11)


@pytest.mark.parametrize("name", PRINTED)
def test_equals_pytorch_with_members_of_every_decay_momentum_and_clipping(name):
    rows = [i for i, case in enumerate(CASES) if case["name"] == name]
    assert len(rows) == 8
    defaults, lr = optim.OPTIMIZERS[name].options, CASES[rows[0]]["lr"]
    numbers = {
        k: np.array([{**defaults, **CASES[i]["numbers"]}[k] for i in rows]) for k in defaults
    }
    clip = np.array([CASES[i]["clip"] or np.inf for i in rows])
    start, grads = (
        {leaf: GOLDEN[f"{kind}/{leaf}"] for leaf in ("kernel", "bias")}
        for kind in ("start", "grads")
    )
    with jax.enable_x64(True):
        out = jax.vmap(lambda n, c: run(name, start, grads, lr, n, c))(numbers, clip)
    for leaf, value in out.items():
        expected = np.stack([GOLDEN[f"{i}/{leaf}"] for i in rows])
        assert expected.shape[:2] == (8, 20)
        np.testing.assert_allclose(value, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_contract(name):
    params = {"kernel": jnp.ones((3, 2)), "bias": jnp.zeros(2)}
    tx = optim.make_optimizer(name)
    direction, opt_state = tx.update(
        params, tx.init(params), params, value=1.0, learning_rate=0.1, grad_fn=lambda p, *_: p
    )
    moved = optim.apply_direction(params, direction, 0.1)
    assert jax.tree.map(jnp.shape, moved) == jax.tree.map(jnp.shape, params)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(moved))
    evaluated = optim.eval_params(name, opt_state, params)
    assert (evaluated is params) == ("schedule_free" not in name)


def test_momentum_zero_is_plain_sgd_bit_for_bit():
    rng = np.random.default_rng(0)
    params, grads = rng.normal(size=50).astype("f"), rng.normal(size=(5, 50)).astype("f")
    numbers = {"momentum": jnp.float32(0), "weight_decay": jnp.float32(0)}
    out = run("sgd", params, grads, np.float32(0.5), numbers, np.float32(np.inf))
    for g, after in zip(grads, out, strict=True):
        params = params - np.float32(0.5) * g
        np.testing.assert_array_equal(after, params)


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


def test_clipping_comes_before_coupled_decay():
    params, grads = jnp.array([10.0]), jnp.array([4.0])
    numbers = {"weight_decay": 0.1, "momentum": 0.0}
    out = run("sgd", params, grads[None], 1.0, numbers, clip=1.0)
    np.testing.assert_allclose(out[0], 10 - (1 + 0.1 * 10), rtol=1e-6)


def test_unknown_names_are_refused():
    with pytest.raises(UserError, match="unknown optimizer 'adamm'; did you mean 'adam'"):
        optim.make_optimizer("adamm")
    with pytest.raises(UserError, match="'adam' has no option 'momentum'\nit takes: b1, b2, weig"):
        optim.make_optimizer("adam", momentum=0.9)
    with pytest.raises(UserError, match="unknown optimizer"):
        optim.eval_params("adamm", (), ())
