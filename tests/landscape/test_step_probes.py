"""Probes along the gradient: closed forms, any loss of a pytree, and what is refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxcifar import landscape
from jaxcifar.config import Config, replace
from jaxcifar.core.errors import UserError
from jaxcifar.landscape import step_probes
from jaxcifar.planning import dry_run, speed
from jaxcifar.records.step_probes import with_smoothness

SIZES = np.array([0.05, 0.1, 0.2, 0.4])
FAR = np.array([0.1, 1.0, 10.0, 100.0])
PLAIN = replace(tiny.BASE, {"optim.momentum": 0.0})
PROBED = replace(PLAIN, {"probe.every": "2 steps", "probe.factors": (0.1, 1.0, 4.0)})


def matrix(n=6, seed=0):
    """Symmetric, with negative eigenvalues, too."""
    half = np.random.default_rng(seed).normal(size=(n, n))
    return half + half.T


def flat(tree):
    return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(tree)])


def tree_of(w):
    """Six numbers as weights of two shapes."""
    return {"kernel": w[:4].reshape(2, 2), "bias": w[4:]}


def quadratic(params, batch):
    """A mean over a batch of matrices."""
    w = flat(params)
    return jnp.einsum("i,bij,j->b", w, batch, w).mean() / 2


def look(loss, params, batch, sizes=SIZES):
    """All fields of a probe, computed in float64."""
    with jax.enable_x64(True):
        params, batch = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), (params, batch))
        seen = step_probes.along_gradient(loss, params, batch, jnp.asarray(sizes))
        rows = {name: np.asarray(value)[None] for name, value in seen._asdict().items()}
    return {name: v if name in ("step", "sizes") else v[0]
            for name, v in with_smoothness([0], sizes, rows).items()}  # fmt: skip


def test_a_quadratic_gives_its_closed_forms():
    w = np.random.default_rng(1).normal(size=6)
    batch = np.stack([matrix(seed=seed) for seed in (1, 2)])
    a = batch.mean(0)
    # Leaves come in the order of their names: the bias first.
    order = np.r_[4:6, 0:4]
    wanted_w, g = w[order], a @ w[order]
    found = look(quadratic, tree_of(w), batch)
    change = a @ g
    np.testing.assert_allclose(found["loss"], wanted_w @ a @ wanted_w / 2, rtol=1e-12)
    np.testing.assert_allclose(found["gradient_norm"], np.linalg.norm(g), rtol=1e-12)
    losses = wanted_w @ a @ wanted_w / 2 - SIZES * (g @ g) + SIZES**2 * (g @ a @ g) / 2
    np.testing.assert_allclose(found["losses"], losses, rtol=1e-10)
    np.testing.assert_allclose(found["distance"], SIZES * np.linalg.norm(change), rtol=1e-10)
    there = g - SIZES[:, None] * change
    cosine = there @ g / (np.linalg.norm(there, axis=1) * np.linalg.norm(g))
    np.testing.assert_allclose(found["cosine"], cosine, rtol=1e-10)
    beta = np.linalg.norm(change) / np.linalg.norm(g)
    np.testing.assert_allclose(found["smoothness"], beta, rtol=1e-10)


@pytest.mark.parametrize("rank", range(6))
def test_along_an_eigenvector_smoothness_is_the_absolute_eigenvalue(rank):
    a = matrix()
    values, vectors = np.linalg.eigh(a)
    found = look(lambda w, batch: w @ batch @ w / 2, 3 * vectors[:, rank], a)
    np.testing.assert_allclose(found["smoothness"], abs(values[rank]), rtol=1e-8)
    found_sign = np.sign(1 - SIZES * values[rank])
    np.testing.assert_allclose(found["cosine"], found_sign, rtol=1e-8)


def test_a_linear_loss_has_a_gradient_that_does_not_move():
    c = np.array([3.0, -4.0])
    found = look(lambda w, batch: w @ batch, np.ones(2), c)
    assert found["gradient_norm"] == 5 and found["loss"] == -1
    np.testing.assert_allclose(found["losses"], -1 - 25 * SIZES, rtol=1e-12)
    assert (found["distance"] == 0).all() and found["smoothness"] == 0
    np.testing.assert_allclose(found["cosine"], 1, rtol=1e-12)


def test_a_flat_loss_has_neither_angle_nor_smoothness():
    found = look(lambda w, batch: (0 * w).sum() + batch, np.ones(2), 2.0)
    assert (found["losses"] == 2).all() and found["gradient_norm"] == 0
    assert np.isnan(found["cosine"]).all() and np.isnan(found["smoothness"])


def test_what_overflows_is_a_hole_and_not_the_others():
    """L = exp(w^2): its gradient at 1 is 2e, and a step of more than 10 ends beyond 700 = w^2."""
    found = look(lambda w, batch: jnp.exp(jnp.square(w) * batch).sum(), np.ones(1), 1.0, sizes=FAR)
    np.testing.assert_array_equal(np.isfinite(found["losses"]), [True, True, False, False])
    np.testing.assert_array_equal(np.isnan(found["losses"]), [False, False, True, True])
    assert np.isnan(found["smoothness"]), "the largest of all is not known"


def test_any_loss_of_a_pytree_is_probed_batch_by_batch():
    """A Flax-like tree, against NumPy; a second loss is not taken for the first."""
    rng = np.random.default_rng(2)
    x, w = rng.normal(size=(3, 8, 4)), rng.normal(size=(4, 2))
    batches = {"x": x.astype("f4"), "y": rng.normal(size=(3, 8, 2)).astype("f4")}

    def loss(params, batch, scale=1.0):
        return scale * jnp.square(batch["x"] @ params["dense"] - batch["y"]).mean()

    params = {"dense": w.astype("f4")}
    for scale in (1.0, 2.0):
        mine = landscape.of_loss(functools.partial(loss, scale=scale), params, batches)
        found = landscape.probe(mine, sizes=[0.1, 0.5])
        assert found.step.tolist() == [0, 1, 2] and found.losses.shape == (3, 2)
        assert set(found.units) == set(found._fields)
        for k in range(3):
            a = scale * 2 * x[k].T @ x[k] / 16
            g = a @ w - scale * 2 * x[k].T @ batches["y"][k] / 16
            np.testing.assert_allclose(found.gradient_norm[k], np.linalg.norm(g), rtol=1e-5)
            change = np.linalg.norm(a @ g)
            np.testing.assert_allclose(found.distance[k], [0.1 * change, 0.5 * change], rtol=1e-4)
            beta = change / np.linalg.norm(g)
            np.testing.assert_allclose(found.smoothness[k], beta, rtol=1e-4)


def test_a_trained_member_is_probed_where_it_stands(trained):
    """At each batch the loss of the objective itself, in train mode unless another is named."""
    for options in ({}, {"mode": "eval", "batch": 16}):
        found = landscape.probe(trained.workdir, "a", which="last", sizes=[0.01], **options)
        mine = landscape.of_member(trained.workdir, "a", "last", **{"mode": "train"} | options)
        assert len(found.step) == len(mine.counts) == 2
        for index, loss in enumerate(found.loss):
            batch = jax.tree.map(lambda leaf, index=index: leaf[index], mine.batches)
            assert loss == pytest.approx(float(jax.jit(mine.loss)(mine.params, batch)), rel=1e-5)
        assert (found.losses[:, 0] < found.loss).all(), "downhill"


@pytest.mark.parametrize("sizes", [
    [], [0.0, 1.0], [-1.0], [2.0, 1.0], [1.0, 1.0], [float("inf")], [float("nan")], 0.1, ["a"],
    [1j], [[0.1]], None,
])  # fmt: skip
def test_refused_sizes(sizes):
    mine = landscape.of_loss(lambda w, x: (w * x).sum(), np.ones(2, "f4"), np.ones((1, 2), "f4"))
    if sizes is None:
        assert landscape.probe(mine).sizes == pytest.approx(0.05 * 8 ** (np.arange(8) / 7))
        return
    with pytest.raises(UserError, match="rising order"):
        landscape.probe(mine, sizes=sizes)


@pytest.mark.parametrize("changes, words", [
    ({"probe.lr": 0.2}, "probe.lr=0.2 has no effect without probe.every"),
    ({"probe.factors": (1.0,)}, "probe.factors=.* has no effect without probe.every"),
    ({"probe.every": "0 steps"}, "is no span of training"),
    ({"probe.every": "1.5 steps"}, "is no span of training"),
    ({"probe.every": 50}, "probe.every=50 is of the wrong type"),
    ({"probe.every": "1", "probe.lr": 0.0}, "probe.lr=0.0 is out of range"),
    ({"probe.every": "1", "probe.lr": float("inf")}, "probe.lr=inf is out of range"),
    ({"probe.every": "1", "probe.lr": float("nan")}, "probe.lr=nan is out of range"),
    ({"probe.every": "1", "probe.factors": ()}, "probe.factors=.. is out of range"),
    ({"probe.every": "1", "probe.factors": (2.0, 1.0)}, "in rising order"),
    ({"probe.every": "1", "probe.factors": (1.0, 1.0)}, "in rising order"),
    ({"probe.every": "1", "probe.factors": (-1.0, 1.0)}, "above 0"),
    ({"probe.every": "1", "probe.factors": (1.0, float("inf"))}, "that 32 bits hold"),
    ({"probe.every": "1", "probe.factors": (float("nan"),)}, "that 32 bits hold"),
    ({"probe.every": "1", "probe.factors": (1.0, float("nan"), 2.0)}, "that 32 bits hold"),
])  # fmt: skip
def test_refused_settings(changes, words):
    with pytest.raises(UserError, match=words) as error:
        replace(Config(), changes)
    assert len(str(error.value).splitlines()) <= 3


def test_a_span_below_a_step_is_refused():
    with pytest.raises(UserError, match="less than one step"):
        tiny.make_plan(base=replace(tiny.BASE, {"probe.every": "0.1 epochs"}))


def test_a_dry_run_counts_what_probes_cost():
    """Of 80 images in 6 steps, those of three are seen four times more."""
    probed, plain = (tiny.make_plan(base=base) for base in (PROBED, PLAIN))
    assert probed.batch_sizes()[list(probed.events.probe)].tolist() == [16, 8, 16]
    done, more = (speed.work(made, 0) for made in (plain, probed))
    assert more / done == pytest.approx((80 + 4 * (16 + 8 + 16)) / 80)
    assert speed.work(probed, 0, 3) / speed.work(plain, 0, 3) == pytest.approx((40 + 4 * 16) / 40)
    kinds = [kind for kind, _ in dry_run.programs_of(probed)]
    assert kinds.count("probe") == 2 and "probe" not in {k for k, _ in dry_run.programs_of(plain)}


@pytest.mark.parametrize("every, steps", [
    ("2 steps", (0, 2, 4)), ("4 steps", (0, 4)), ("1 steps", (0, 1, 2, 3, 4, 5)),
    ("6 steps", (0,)), ("50 steps", (0,)), ("1", (0, 3)), ("2 epochs", (0,)), (None, ()),
])  # fmt: skip
def test_probes_come_before_steps(every, steps):
    assert tiny.make_plan(base=replace(tiny.BASE, {"probe.every": every})).events.probe == steps
