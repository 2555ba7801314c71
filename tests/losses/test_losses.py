"""Losses against printed values, PyTorch's recorded ones, and their own limits."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import places
import pytest

from jaxcifar.core.errors import UserError
from jaxcifar.losses import LOSSES, l1_norm, make_loss

GOLDEN = np.load(places.GOLDEN / "losses.npz")
CASES = json.loads(str(GOLDEN["cases"]))
Z = [[2, -1, 0.5, 0], [0, 1, -2, 3]]
Y = [0, 1]


@pytest.mark.parametrize(
    "name, numbers, expected",
    [
        ("cross_entropy", {}, 1.2589324725),
        ("cross_entropy", {"smoothing": 0.1}, 1.3651824725),
        ("cross_entropy", {"smoothing": 0.15}, 1.4183074725),
        ("cross_entropy", {"smoothing": 0.2}, 1.4714324725),
        ("focal", {"alpha": 1, "gamma": 1}, 1.0138667958),
        ("focal", {"alpha": 1, "gamma": 2}, 0.8691396423),
        ("focal", {}, 0.8691396423),
        ("focal", {"alpha": 0.25, "gamma": 2}, 0.2172849106),
        ("mse", {}, 1.90625),
    ],
)
def test_printed_values(name, numbers, expected):
    with jax.enable_x64(True):
        losses = np.asarray(make_loss(name)(jnp.array(Z, jnp.float64), jnp.array(Y), **numbers))
    assert losses.shape == (2,) and losses.dtype == np.float64
    np.testing.assert_allclose(losses.mean(), expected, rtol=0, atol=6e-11)


def test_each_example_has_its_own_loss():
    with jax.enable_x64(True):
        losses = make_loss("cross_entropy")(jnp.array(Z, jnp.float64), jnp.array(Y))
    np.testing.assert_allclose(losses, [0.3423495824, 2.1755153626], rtol=0, atol=6e-11)


@pytest.mark.parametrize("i", range(len(CASES)), ids=lambda i: f"{i}-{CASES[i]['name']}")
def test_equals_pytorch_with_gradient(i):
    loss_fn, numbers = make_loss(CASES[i]["name"]), CASES[i]["numbers"]
    with jax.enable_x64(True):
        labels = jnp.asarray(GOLDEN["labels"])

        def mean(logits, numbers):
            losses = loss_fn(logits, labels, **numbers)
            return losses.mean(), losses

        (_, losses), grad = jax.jit(jax.value_and_grad(mean, has_aux=True))(
            jnp.asarray(GOLDEN["logits"]), numbers
        )
    np.testing.assert_allclose(losses, GOLDEN[f"{i}/loss"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(grad, GOLDEN[f"{i}/grad"], rtol=0, atol=1e-10)


@pytest.mark.parametrize("smoothing, entropy", [(0.1, 0.50029), (0.15, 0.69241), (0.2, 0.86689)])
def test_smoothed_loss_is_bounded_by_the_entropy_of_its_target(smoothing, entropy):
    target = np.full(10, smoothing / 10)
    target[3] += 1 - smoothing
    with jax.enable_x64(True):
        best = jnp.log(jnp.asarray(target))[None]
        loss = make_loss("cross_entropy")(best, jnp.array([3]), smoothing=smoothing)
    np.testing.assert_allclose(loss, entropy, atol=6e-6)


def test_smoothing_zero_is_plain_cross_entropy_bit_for_bit():
    rng = np.random.default_rng(0)
    logits, labels = 9 * rng.normal(size=(64, 10)).astype(np.float32), rng.integers(0, 10, 64)
    smoothed = jax.jit(make_loss("cross_entropy"))(logits, labels, smoothing=jnp.float32(0))
    plain = -np.asarray(jax.jit(jax.nn.log_softmax)(logits))[np.arange(64), labels]
    np.testing.assert_array_equal(smoothed, plain)


def test_smoothing_may_differ_between_members():
    logits, labels = jnp.array(Z), jnp.array(Y)
    loss_fn = make_loss("cross_entropy")
    rows = jax.vmap(lambda s: loss_fn(logits, labels, smoothing=s).mean())(jnp.array([0, 0.1, 0.2]))
    np.testing.assert_allclose(rows, [1.2589325, 1.3651825, 1.4714325], rtol=1e-6)


def test_l1_equals_pytorch_with_gradient_and_spares_no_leaf():
    with jax.enable_x64(True):
        params = {k: jnp.asarray(GOLDEN[f"l1/{k}"]) for k in ("kernel", "bias")}
        factor = jnp.asarray(GOLDEN["l1/factor"])
        term, grads = jax.value_and_grad(lambda p: factor * l1_norm(p))(params)
    np.testing.assert_allclose(term, GOLDEN["l1/term"], rtol=1e-12)
    assert (GOLDEN["l1/kernel"] == 0).any() and (GOLDEN["l1/bias"] == 0).any()
    for name, grad in grads.items():
        np.testing.assert_array_equal(grad, GOLDEN[f"l1/grad/{name}"], err_msg=name)


def test_focal_has_a_gradient_where_the_answer_is_certain():
    logits, labels = jnp.array([[300.0, 0, 0], [0, 3.0, 0]]), jnp.array([0, 0])
    grad = jax.grad(lambda z, gamma: make_loss("focal")(z, labels, gamma=gamma).sum())
    for row in jax.jit(jax.vmap(grad, (None, 0)))(logits, jnp.array([0, 0.5, 1, 2])):
        assert np.isfinite(row).all() and np.abs(row[0]).max() < 1e-30 < np.abs(row[1]).min()


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_logits_are_reduced_in_float32(name):
    logits = jnp.array(Z, jnp.bfloat16)
    losses = make_loss(name)(logits, jnp.array(Y))
    assert losses.dtype == jnp.float32
    np.testing.assert_array_equal(losses, make_loss(name)(jnp.array(Z), jnp.array(Y)))


@pytest.mark.parametrize("name", LOSSES)
def test_confident_logits_stay_finite(name):
    logits = jnp.array([[300.0, 0, 0], [0, 300.0, 0]])
    labels = jnp.array([0, 0])
    value, grad = jax.value_and_grad(lambda z: make_loss(name)(z, labels).mean())(logits)
    assert np.isfinite(value) and np.isfinite(grad).all()


def test_unknown_name_offers_the_nearest():
    with pytest.raises(UserError, match="'cross_entropi'; did you mean 'cross_entropy'"):
        make_loss("cross_entropi")


def test_numbers_may_be_bound():
    logits, labels = jnp.array(Z), jnp.array(Y)
    bound = make_loss("cross_entropy", smoothing=0.1)
    np.testing.assert_allclose(bound(logits, labels).mean(), 1.3651825, rtol=1e-6)
    np.testing.assert_allclose(bound(logits, labels, smoothing=0.2).mean(), 1.4714325, rtol=1e-6)
    with pytest.raises(UserError, match="'mse' has no option 'smoothing'\nit takes: none"):
        make_loss("mse", smoothing=0.1)


def test_defaults_are_part_of_every_result():
    assert {name: dict(row.options) for name, row in LOSSES.items()} == {
        "cross_entropy": {"smoothing": 0.0}, "focal": {"alpha": 1.0, "gamma": 2.0}, "mse": {},
    }  # fmt: skip
