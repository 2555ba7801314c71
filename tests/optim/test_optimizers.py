"""Optimizer chains against printed values and PyTorch's recorded trajectories."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import places
import pytest

from jaxcifar import optim
from jaxcifar.core.errors import UserError

GOLDEN = np.load(places.GOLDEN / "optim.npz")
CASES = json.loads(str(GOLDEN["cases"]))
LEAVES = ("kernel", "bias")
CURVATURE = 0.3  # of the loss that the golden sam descends


def run(name, params, grads, rates, numbers, clip, accumulation="reset", decay="all"):
    """Parameters, and evaluated ones, after each gradient; everything numeric is traced."""

    @jax.jit
    def trajectory(params, grads, rates, numbers, clip):
        rule = optim.make_optimizer(name, decay=decay, **numbers)
        tx = optim.ACCUMULATIONS[accumulation](rule, clip)

        def body(carry, now):
            (params, opt_state), (given, lr) = carry, now

            def grad_fn(at, *_):
                bend = CURVATURE if name == "sam" else 0.0
                return jax.tree.map(lambda g, w: g + bend * w, given, at)

            direction, opt_state = tx.update(
                grad_fn(params), opt_state, params, value=0.0, learning_rate=lr, grad_fn=grad_fn
            )
            params = optim.apply_direction(params, direction, lr)
            return (params, opt_state), (params, optim.eval_params(name, opt_state, params))

        return jax.lax.scan(body, (params, tx.init(params)), (grads, rates))[1]

    return trajectory(params, grads, rates, numbers, clip)


def given(case):
    """A case's rates, numbers and clipping, every option spelled out."""
    steps = np.arange(len(GOLDEN["grads/bias"]))
    rates = case["lr"] * np.minimum(1, (steps + 1) / case["warm_up"])
    numbers = optim.OPTIMIZERS[case["name"]].options | case["numbers"]
    return rates, {k: np.float64(v) for k, v in numbers.items()}, case["clip"] or np.inf


def start_and_grads():
    return ({leaf: GOLDEN[f"{kind}/{leaf}"] for leaf in LEAVES} for kind in ("start", "grads"))


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


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_decay_of_kernels_alone_leaves_everything_else_as_without_decay(name):
    steps = 1 if name == "sam" else 4  # its norm of all gradients binds the leaves together

    def ended(decay, weight_decay):
        start, grads = start_and_grads()
        rates, numbers = np.full(steps, 0.1), optim.OPTIMIZERS[name].options
        grads = {leaf: rows[:steps] for leaf, rows in grads.items()}
        numbers = numbers | {"weight_decay": weight_decay}
        return run(name, start, grads, rates, numbers, np.inf, decay=decay)[0]

    kernels, everything, nothing = (
        ended(*row) for row in (("kernels", 5.0), ("all", 5.0), ("all", 0.0))
    )
    np.testing.assert_array_equal(kernels["kernel"], everything["kernel"])
    np.testing.assert_array_equal(kernels["bias"], nothing["bias"])
    for leaf in LEAVES:
        assert (np.asarray(everything[leaf]) != nothing[leaf]).any(), "or nothing was tested"


def test_an_unknown_decay_is_refused():
    with pytest.raises(UserError, match="unknown optim.decay 'kernel'; did you mean 'kernels'"):
        optim.make_optimizer("sgd", decay="kernel")


@pytest.mark.parametrize("name", PRINTED)
def test_printed_values(name):
    numbers = {"weight_decay": 0.01} | ({"momentum": 0.9} if "sgd" in name else {})
    with jax.enable_x64(True):
        grads = jnp.array([[0.5, -0.1], [-0.2, 0.3], [0.1, 0.1]])
        out, _ = run(name, jnp.array([1.0, -2.0]), grads, np.full(3, 0.1), numbers, np.inf)
    np.testing.assert_allclose(out, PRINTED[name], rtol=0, atol=6e-11)


KINDS = [(name, "reset") for name in optim.OPTIMIZERS]
KINDS += [(name, "carry") for name in ("sgd", "adam", "adamw")]


def population(name, accumulation):
    """Rows of the recorded members of one kind, and what our population of them gives."""
    rows = [
        i for i, c in enumerate(CASES) if (c["name"], c["accumulation"]) == (name, accumulation)
    ]
    assert len(rows) == 8
    start, grads = start_and_grads()
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *(given(CASES[i]) for i in rows))
    out = jax.vmap(lambda *row: run(name, start, grads, *row, accumulation))(*stacked)
    return rows, *jax.tree.map(np.asarray, out)


@pytest.mark.parametrize("name, accumulation", KINDS)
def test_equals_its_reference_with_members_of_every_decay_number_and_clipping(name, accumulation):
    with jax.enable_x64(True):
        rows, out, evaluated = population(name, accumulation)
    for leaf in LEAVES:
        expected = np.stack([GOLDEN[f"{i}/{leaf}"] for i in rows])
        assert expected.shape[:2] == (8, 20)
        np.testing.assert_allclose(out[leaf], expected, rtol=0, atol=1e-10)
        if f"{rows[0]}/eval/{leaf}" in GOLDEN:
            expected = np.stack([GOLDEN[f"{i}/eval/{leaf}"] for i in rows])
            assert np.abs(expected - out[leaf]).max() > 1e-3, "an average of its own"
        np.testing.assert_allclose(evaluated[leaf], expected, rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("name, accumulation", KINDS)
def test_members_of_a_population_equal_themselves_alone(name, accumulation):
    with jax.enable_x64(True):
        rows, out, evaluated = population(name, accumulation)
        for m in (0, 7):
            alone = run(name, *start_and_grads(), *given(CASES[rows[m]]), accumulation)
            for leaf in LEAVES:
                np.testing.assert_allclose(out[leaf][m], alone[0][leaf], rtol=0, atol=1e-12)
                np.testing.assert_allclose(evaluated[leaf][m], alone[1][leaf], rtol=0, atol=1e-12)


def test_the_average_of_a_population_is_that_of_its_members():
    """Outside the program the state's leaves have a member axis."""
    name = "schedule_free_sgd"
    params = {"kernel": jnp.arange(24.0).reshape(4, 3, 2)}
    numbers = {"b1": jnp.array([0.5, 0.7, 0.8, 0.9])}
    state = jax.vmap(lambda p, n: optim.make_optimizer(name, **n).init(p))(params, numbers)
    state = state._replace(z=jax.tree.map(jnp.cos, params))
    whole = optim.eval_params(name, state, params)
    for m in range(4):
        member = [jax.tree.map(lambda leaf: leaf[m], tree) for tree in (state, params)]  # noqa: B023
        alone = optim.eval_params(name, *member)
        np.testing.assert_allclose(whole["kernel"][m], alone["kernel"], rtol=1e-6)


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_contract(name):
    """Shapes and dtypes stay, a zero gradient moves nothing, and only averages are evaluated."""
    params = {"kernel": jnp.ones((3, 2)), "bias": jnp.ones(2)}
    tx = optim.make_optimizer(name, weight_decay=0.0)

    @jax.jit
    def update(grads):
        def grad_fn(at, *_):
            return jax.tree.map(lambda g, w: g + 0 * w, grads, at)  # NaN where `at` is

        extra = {"value": 1.0, "learning_rate": 0.1, "grad_fn": grad_fn}
        direction, opt_state = tx.update(grads, tx.init(params), params, **extra)
        return optim.apply_direction(params, direction, 0.1), opt_state

    moved, opt_state = update(params)
    assert jax.tree.map(jnp.shape, moved) == jax.tree.map(jnp.shape, params)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(moved))
    assert all((np.asarray(leaf) < 0.999).all() for leaf in jax.tree.leaves(moved))
    evaluated = optim.eval_params(name, opt_state, params)
    assert (evaluated is params) == ("schedule_free" not in name)
    still, _ = update(jax.tree.map(jnp.zeros_like, params))
    for leaf in jax.tree.leaves(still):
        np.testing.assert_allclose(leaf, 1, rtol=1e-6)


def test_momentum_zero_is_plain_sgd_bit_for_bit():
    rng = np.random.default_rng(0)
    params, grads = rng.normal(size=50).astype("f"), rng.normal(size=(5, 50)).astype("f")
    numbers = {"momentum": jnp.float32(0), "weight_decay": jnp.float32(0)}
    out, _ = run("sgd", params, grads, np.full(5, 0.5, "f"), numbers, np.float32(np.inf))
    for g, after in zip(grads, out, strict=True):
        params = params - np.float32(0.5) * g
        np.testing.assert_array_equal(after, params)


def test_clipping_comes_before_coupled_decay():
    params, grads = jnp.array([10.0]), jnp.array([4.0])
    numbers = {"weight_decay": 0.1, "momentum": 0.0}
    out, _ = run("sgd", params, grads[None], np.ones(1), numbers, clip=1.0)
    np.testing.assert_allclose(out[0], 10 - (1 + 0.1 * 10), rtol=1e-6)


def test_unknown_names_are_refused():
    with pytest.raises(UserError, match="unknown optimizer 'adamm'; did you mean 'adam'"):
        optim.make_optimizer("adamm")
    with pytest.raises(UserError, match="'adam' has no option 'momentum'\nit takes: b1, b2, weig"):
        optim.make_optimizer("adam", momentum=0.9)
    with pytest.raises(UserError, match="unknown optimizer"):
        optim.eval_params("adamm", (), ())


def test_what_an_optimizer_cannot_do_is_refused():
    optim.check("sam", {"rho": 0.0}, "reset")
    optim.check("adam", {"b1": 0.0}, "carry")
    with pytest.raises(UserError, match="optim.b1=0.0 stops 'schedule_free_sgd'\nallowed: above 0"):
        optim.check("schedule_free_sgd", {"b1": 0.0}, "reset")
    with pytest.raises(UserError, match="'carry' is not defined for 'sam'"):
        optim.check("sam", {"rho": 0.1}, "carry")


DEFAULTS = {
    "sgd": {"momentum": 0.0}, "sgd_nesterov": {"momentum": 0.9}, "sign_sgd": {"momentum": 0.9},
    "adam": {"b1": 0.9, "b2": 0.999}, "adamw": {"weight_decay": 0.01, "b1": 0.9, "b2": 0.999},
    "lion": {"b1": 0.9, "b2": 0.99},
    "muon": {"weight_decay": 0.1, "momentum": 0.95, "b1": 0.9, "b2": 0.999},
    "schedule_free_sgd": {"b1": 0.9}, "schedule_free_adamw": {"b1": 0.9, "b2": 0.999},
    "sam": {"momentum": 0.9, "rho": 0.05},
}  # fmt: skip


def test_defaults_are_part_of_every_result():
    found = {name: dict(row.options) for name, row in optim.OPTIMIZERS.items()}
    assert found == {name: {"weight_decay": 0.0, **own} for name, own in DEFAULTS.items()}
