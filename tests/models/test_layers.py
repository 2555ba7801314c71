"""Normalisation, pooling, dropout, activations and initial values against formulas and PyTorch."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxcifar.core.errors import UserError
from jaxcifar.models import initialisers
from jaxcifar.models.batch_norm import batch_norm
from jaxcifar.models.layers import BatchNorm, Conv, Dense, Dropout, dropout
from jaxcifar.models.network import Network
from jaxcifar.models.pooling import max_pool_3x3_stride2, max_pool_tiles


def test_batch_norm_running_statistics_are_pytorchs():
    """Batch 1, 2, 3, 6: torch.nn.BatchNorm1d stores mean 0.3 and *unbiased* variance 1.36667."""
    layer, x = BatchNorm(), jnp.array([[1.0], [2.0], [3.0], [6.0]])
    variables = layer.init(jax.random.key(0), x, train=True)
    start = variables["batch_stats"]
    np.testing.assert_array_equal((start["mean"], start["var"]), ([0.0], [1.0]))
    y, updated = layer.apply(variables, x, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(updated["batch_stats"]["mean"], [0.3], rtol=1e-6)
    np.testing.assert_allclose(updated["batch_stats"]["var"], [0.9 + 0.1 * 14 / 3], rtol=1e-6)
    np.testing.assert_allclose(
        y[:, 0], (np.array([1, 2, 3, 6]) - 3) / np.sqrt(3.5 + 1e-5), rtol=1e-6
    )


def test_batch_norm_evaluates_by_running_statistics_and_leaves_them():
    layer, x = BatchNorm(), jnp.array([[1.0], [3.0]])
    variables = layer.init(jax.random.key(0), x, train=False)
    stats = {"mean": jnp.array([2.0]), "var": jnp.array([4.0])}
    variables = {**variables, "batch_stats": stats}
    y, after = layer.apply(variables, x, train=False, mutable=["batch_stats"])
    np.testing.assert_allclose(y[:, 0], np.array([-1, 1]) / np.sqrt(4 + 1e-5), rtol=1e-6)
    assert jax.tree.all(jax.tree.map(np.array_equal, after["batch_stats"], stats))


@pytest.mark.reliability("T19")
def test_batch_norm_statistics_are_float32_under_bfloat16():
    layer, x = BatchNorm(), jnp.full((8, 2, 2, 3), 1.0078125, jnp.bfloat16)
    variables = layer.init(jax.random.key(0), x, train=True)
    y, updated = layer.apply(variables, x, train=True, mutable=["batch_stats"])
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(updated["batch_stats"]["mean"], np.full(3, 0.10078125), rtol=1e-6)
    assert {leaf.dtype for leaf in jax.tree.leaves(updated)} == {jnp.dtype("float32")}


@pytest.mark.reliability("T19")
def test_batch_norm_variance_survives_a_large_mean():
    """One pass, E[x^2] - E[x]^2, would lose every digit here."""
    x = 1e4 + jnp.array([[-1.0], [1.0]] * 8)
    np.testing.assert_allclose(batch_norm(x, jnp.ones(1), jnp.zeros(1), 1e-5)[2], [1.0], rtol=1e-6)


N = np.random.default_rng(0).normal(size=(16, 8, 8, 3)).astype(np.float32)
HARD = {
    "large mean, small spread": 100 + 0.01 * N, "larger mean": 1e3 + 0.1 * N,
    "constant": np.full_like(N, 3.7), "one image": N[:1],
    "constant and large": np.full_like(N, 1e4),
    "tiny": 1e-20 * N, "huge": 1e15 * N, "one channel of zeros": N * np.array([1, 0, 1], "f4"),
}  # fmt: skip


@pytest.mark.reliability("T19")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("case", HARD)
def test_batch_norm_is_finite_and_exact_on_hard_inputs(case, dtype):
    """Statistics within 1e-3 relative of float64's, of the values as they are stored."""
    x = jnp.asarray(HARD[case], dtype)
    out, pull = jax.vjp(lambda *args: batch_norm(*args, 1e-5)[0], x, jnp.ones(3), jnp.zeros(3))
    for leaf in (out, *pull(jnp.ones_like(out))):
        assert np.isfinite(np.asarray(leaf, np.float64)).all()
    _, mean, var = batch_norm(x, jnp.ones(3), jnp.zeros(3), 1e-5)
    wide = np.asarray(x, np.float64)
    np.testing.assert_allclose(mean, wide.mean((0, 1, 2)), rtol=1e-3, atol=1e-6 * wide.std())
    np.testing.assert_allclose(var, wide.var((0, 1, 2)), rtol=1e-3, atol=1e-8)


def test_batch_norm_gradient_is_that_of_its_formula():
    """The hand-written gradient against automatic differentiation of the definition."""
    keys = jax.random.split(jax.random.key(1), 4)
    x, grad = (jax.random.normal(k, (4, 3, 3, 5)) for k in keys[:2])
    scale, bias = (jax.random.normal(k, (5,)) for k in keys[2:])

    def plain(x, scale, bias):
        x_hat = (x - x.mean((0, 1, 2), keepdims=True)) / jnp.sqrt(
            x.var((0, 1, 2), keepdims=True) + 1e-5
        )
        return x_hat * scale.reshape(1, 1, 1, -1) + bias.reshape(1, 1, 1, -1)

    wanted = jax.vjp(plain, x, scale, bias)[1](grad)
    ours = lambda *args: batch_norm(*args, 1e-5)[0]  # noqa: E731
    for found, leaf in zip(jax.vjp(ours, x, scale, bias)[1](grad), wanted, strict=True):
        np.testing.assert_allclose(found, leaf, rtol=1e-4, atol=1e-5)


def pool_by_hand(x, grad, side, stride, padding):
    """Maxima and pulled-back gradient, window by window; the first maximum gets it all."""
    border = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    padded = np.pad(x, border, constant_values=-np.inf)
    out, pulled = np.zeros_like(grad), np.zeros_like(padded)
    for n, i, j, c in np.ndindex(grad.shape):
        rows, columns = stride * i + np.arange(side), stride * j + np.arange(side)
        window = padded[n, rows[:, None], columns[None], c]
        first = np.unravel_index(window.argmax(), window.shape)
        out[n, i, j, c] = window.max()
        pulled[n, rows[first[0]], columns[first[1]], c] += grad[n, i, j, c]
    inner = slice(padding, padding + x.shape[1])
    return out, pulled[:, inner, inner]


POOLS = [(2, 2, 2, 0), (4, 2, 2, 0), (5, 2, 2, 0), (10, 3, 3, 0), (3, 3, 3, 0), (6, 3, 2, 1)]


@pytest.mark.parametrize(("size", "side", "stride", "padding"), POOLS)
def test_max_pool_and_its_gradient(size, side, stride, padding):
    """Against NumPy, with -inf and ties: the first maximum in reading order gets it all."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (2, size, size, 3)).astype(np.float32)
    x[0, :2, :2] = -np.inf
    count = (size + 2 * padding - side) // stride + 1
    grad = rng.standard_normal((2, count, count, 3)).astype(np.float32)
    pool = max_pool_3x3_stride2 if padding else lambda x: max_pool_tiles(x, side)
    found, pull = jax.vjp(pool, jnp.asarray(x))
    wanted, pulled = pool_by_hand(x, grad, side, stride, padding)
    np.testing.assert_array_equal(found, wanted)
    np.testing.assert_allclose(pull(jnp.asarray(grad))[0], pulled, rtol=1e-6)


def test_max_pool_passes_nan_on():
    window = jnp.array([1.0, jnp.nan, 2.0, 3.0]).reshape(1, 2, 2, 1)
    assert jnp.isnan(max_pool_tiles(window, 2)).all()
    assert jnp.isnan(max_pool_3x3_stride2(window)).all()


def test_dropout_rate_is_traced_and_differs_by_member(key):
    x, rates = jnp.ones((200, 50)), jnp.array([0.0, 0.25, 0.5, 1.0])
    y = jax.jit(jax.vmap(lambda rate: dropout(x, rate, key)))(rates)
    np.testing.assert_array_equal(y[0], x)
    np.testing.assert_array_equal(y[3], 0 * x)
    np.testing.assert_allclose((y == 0).mean((1, 2)), rates, atol=0.02)
    np.testing.assert_allclose(y[:3].mean((1, 2)), np.ones(3), atol=0.03)
    np.testing.assert_allclose(y[1].max(), 4 / 3, rtol=1e-6)


def test_dropout_gradient_is_finite_at_rate_one(key):
    pulled = jax.grad(lambda x: dropout(x, jnp.float32(1.0), key).sum())(jnp.ones(8))
    np.testing.assert_array_equal(pulled, np.zeros(8))


def test_dropout_of_whole_channels(key):
    y = dropout(jnp.ones((64, 4, 4, 8)), 0.5, key, broadcast=(1, 2))
    assert ((y == 0).all((1, 2)) | (y == 2).all((1, 2))).all()
    assert 0.4 < (y == 0).mean() < 0.6


def test_dropout_is_the_identity_outside_training_and_needs_no_key():
    x = jnp.ones(5)
    assert Dropout().apply({}, x, 0.5, train=False) is x
    assert Dropout().apply({}, x, 0.0, train=True) is x


VALUES = {  # at -1, 1, 2
    "relu": (0, 1, 2),
    "leaky_relu": (-0.01, 1, 2),
    "elu": (-0.632121, 1, 2),
    "prelu": (-0.25, 1, 2),
    "silu": (-0.268941, 0.731059, 1.761594),
    "gelu": (-0.158655, 0.841345, 1.954500),
    "mish": (-0.303401, 0.865098, 1.943959),
    "tanh": (-0.761594, 0.761594, 0.964028),
    "sigmoid": (0.268941, 0.731059, 0.880797),
    "relu6": (0, 1, 2),
}


class Uses(Network):
    """One activation, used twice."""

    activation: str = "relu"
    leaky_slope: float = 0.01

    @nn.compact
    def __call__(self, x):
        act = self.activation_fn(self.activation)
        return act(x), act(2 * x)


@pytest.mark.parametrize("kind", [*VALUES, "swish"])
def test_activation_values(kind):
    x = jnp.array([-1.0, 1.0, 2.0])
    (y, _), _ = Uses(activation=kind).init_with_output(jax.random.key(0), x)
    np.testing.assert_allclose(y, VALUES["silu" if kind == "swish" else kind], atol=1e-6)


def test_leaky_slope_may_be_traced():
    model = Uses(activation="leaky_relu", leaky_slope=0.1)
    run = jax.vmap(lambda s: model.apply({"hyper": {"leaky_slope": s}}, jnp.float32(-1))[0])
    np.testing.assert_allclose(run(jnp.array([0.05, 0.2])), [-0.05, -0.2])
    assert model.apply({}, jnp.float32(-1))[0] == np.float32(-0.1)
    assert jax.grad(lambda x: model.apply({}, x)[0])(0.0) == np.float32(0.1)


def test_prelu_is_one_scalar_for_all_uses():
    y, variables = Uses(activation="prelu").init_with_output(jax.random.key(0), jnp.float32(-1))
    assert jax.tree.map(float, variables) == {"params": {"prelu_slope": 0.25}}
    assert [float(v) for v in y] == [-0.25, -0.5]


def test_unknown_activation():
    with pytest.raises(UserError, match="unknown activation 'gleu'; did you mean 'gelu'"):
        Uses(activation="gleu").apply({}, jnp.float32(1))


FAN_IN, FAN_OUT = 3 * 3 * 40, 3 * 3 * 60
DEVIATIONS = {
    "torch": 1 / math.sqrt(3 * FAN_IN),
    "xavier_normal": math.sqrt(2 / (FAN_IN + FAN_OUT)),
    "kaiming_fan_in": math.sqrt(2 / FAN_IN),
    "kaiming_fan_out": math.sqrt(2 / FAN_OUT),
    "normal": 0.01,
}


@pytest.mark.parametrize("name", initialisers.KERNELS)
def test_initialiser_moments_and_support(name, key):
    kernel = np.asarray(initialisers.kernel_initialiser(name)(key, (3, 3, 40, 60), jnp.float32))
    deviation = DEVIATIONS[name]
    assert abs(kernel.mean()) < 4 * deviation / math.sqrt(kernel.size)
    assert kernel.std() == pytest.approx(deviation, rel=0.02)
    largest = np.abs(kernel).max() / deviation
    if name == "torch":
        assert 1.72 < largest <= math.sqrt(3) * (1 + 1e-6)
    else:
        assert largest > 3.5, "a truncated normal would stop near 2.3"


def test_depthwise_fan_out_is_not_divided_by_groups(key):
    kernel = initialisers.kernel_initialiser("kaiming_fan_out")(key, (3, 3, 1, 900), jnp.float32)
    assert float(kernel.std()) == pytest.approx(math.sqrt(2 / 8100), rel=0.05)


def test_biases(key):
    """PyTorch's default bounds biases by the kernel's fan_in; the others start at zero."""
    conv = Conv(2000, 1).init(key, jnp.zeros((1, 1, 1, 25)))["params"]
    dense = Dense(2000).init(key, jnp.zeros((1, 25)))["params"]
    for params in (conv, dense):
        assert 0.199 < np.abs(params["bias"]).max() <= 0.2
    zero = Dense(10, initialiser="xavier_normal").init(key, jnp.zeros((1, 5)))["params"]["bias"]
    np.testing.assert_array_equal(zero, np.zeros(10))
    with pytest.raises(UserError, match="unknown initialiser 'xavier'; did you mean"):
        initialisers.kernel_initialiser("xavier")
