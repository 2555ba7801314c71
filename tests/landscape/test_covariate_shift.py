"""Internal covariate shift: closed forms, a trained network, and what is refused."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar import landscape
from jaxcifar.core.errors import UserError
from jaxcifar.landscape.covariate_shift import covariate_shift, layers_of

SIZE = 0.05


def quadratic(params, batch):
    w = jnp.concatenate([params[name] for name in ("a", "b", "c")])
    return w @ batch @ w / 2


def objective(batches, w):
    params = {name: w[2 * k : 2 * k + 2] for k, name in enumerate("abc")}
    return landscape.of_loss(quadratic, params, batches)


@pytest.mark.parametrize("order", ["abc", "cab", "bca"])
def test_a_quadratic_gives_its_closed_form_in_any_order_of_layers(order):
    """G_i moves by -size * (the sum over earlier layers j of A_ij G_j), and by no later one's."""
    rng = np.random.default_rng(0)
    half = rng.normal(size=(3, 6, 6)).astype("f4")
    batches, w = half + half.transpose(0, 2, 1), rng.normal(size=6).astype("f4")
    found = covariate_shift(objective(batches, w), layers=tuple(order), size=SIZE)
    assert found.layers == tuple(order) and {*found.units, "about"} == set(found._fields)
    rows = {name: slice(2 * k, 2 * k + 2) for k, name in enumerate("abc")}
    for p, a in enumerate(batches.astype("f8")):
        g = a @ w
        for i, name in enumerate(order):
            step = np.zeros(6)
            for earlier in order[:i]:
                step[rows[earlier]] = -SIZE * g[rows[earlier]]
            before, after = g[rows[name]], (a @ (w + step))[rows[name]]
            norms = np.linalg.norm(before), np.linalg.norm(after)
            np.testing.assert_allclose(found.gradient_norm[p, i], norms[0], rtol=1e-5)
            distance = np.linalg.norm(after - before)
            np.testing.assert_allclose(found.distance[p, i], distance, rtol=1e-4, atol=1e-6)
            cosine = before @ after / (norms[0] * norms[1])
            np.testing.assert_allclose(found.cosine[p, i], cosine, rtol=1e-5, atol=1e-6)


def test_two_layers_agree_with_numpy():
    """y = w2 w1 x of a half squared error: what moves w1 moves the gradient of w2, in NumPy."""
    rng = np.random.default_rng(3)
    x, t = rng.normal(size=(2, 16, 5)).astype("f4"), rng.normal(size=(2, 16, 3)).astype("f4")
    w1, w2 = rng.normal(size=(4, 5)).astype("f4"), rng.normal(size=(3, 4)).astype("f4")

    def loss(params, batch):
        said = batch["x"] @ params["one"].T @ params["two"].T
        return jnp.square(said - batch["t"]).sum(-1).mean() / 2

    def gradients(w1, w2, x, t):
        error = x @ w1.T @ w2.T - t
        return w2.T @ error.T @ x / 16, error.T @ (x @ w1.T) / 16

    mine = landscape.of_loss(loss, {"one": w1, "two": w2}, {"x": x, "t": t})
    found = covariate_shift(mine, layers=("one", "two"), size=SIZE)
    for p in range(2):
        g1, before = gradients(w1, w2, x[p].astype("f8"), t[p])
        _, after = gradients(w1 - SIZE * g1, w2, x[p].astype("f8"), t[p])
        np.testing.assert_allclose(
            found.gradient_norm[p], [np.linalg.norm(g1), np.linalg.norm(before)], rtol=1e-5
        )
        assert found.distance[p, 0] == 0
        assert found.distance[p, 1] == pytest.approx(np.linalg.norm(after - before), rel=1e-4)
        cosine = (after * before).sum() / (np.linalg.norm(after) * np.linalg.norm(before))
        assert found.cosine[p, 1] == pytest.approx(cosine, rel=1e-5)


def test_a_linear_loss_does_not_shift():
    mine = landscape.of_loss(lambda w, x: sum((w[k] * x).sum() for k in w),
                             {"a": np.ones(3, "f4"), "b": np.ones(3, "f4")},
                             np.arange(6, dtype="f4").reshape(2, 3))  # fmt: skip
    found = covariate_shift(mine, layers="ab")
    assert (found.distance == 0).all()
    np.testing.assert_allclose(found.cosine, 1, rtol=1e-6)


@pytest.mark.parametrize("look", [
    lambda mine: landscape.line(mine, resolution=3).loss,
    lambda mine: landscape.covariate_shift(mine, layers="ab").distance,
    lambda mine: landscape.hessian(mine, top=1, trace=0, density=0).eigenvalues,
])  # fmt: skip
def test_a_loss_may_hold_random_keys(look):
    """Such as that of a network with dropout; another key is another loss."""

    def loss(params, batch, key):
        kept = jax.random.bernoulli(key, 0.5, (4,))
        return (kept * batch * jnp.square(params["a"] * params["b"])).sum()

    params = {name: np.ones(4, "f4") for name in "ab"}
    found = [
        look(
            landscape.of_loss(
                functools.partial(loss, key=jax.random.key(seed)),
                params,
                np.arange(1, 5, dtype="f4")[None],
            )
        )
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_layers_that_do_not_meet_do_not_shift():
    apart = np.diag(np.arange(1.0, 7)).astype("f4")[None]
    found = covariate_shift(objective(apart, np.ones(6, "f4")), layers="abc")
    assert (found.distance == 0).all()
    np.testing.assert_allclose(found.cosine, 1, rtol=1e-6)


def test_a_flat_layer_has_no_angle():
    flat = np.zeros((1, 6, 6), "f4")
    found = covariate_shift(objective(flat, np.ones(6, "f4")), layers="abc")
    assert (found.distance == 0).all() and np.isnan(found.cosine).all()


@pytest.mark.slow
def test_a_trained_member_s_layers_are_those_that_run(trained):
    names = layers_of(trained.workdir, "a")
    assert names[:4] == ("conv1", "bn1", "conv2", "bn2") and names[-1].startswith("fc")
    found = covariate_shift(trained.workdir, "a", which="last", size=0.01)
    assert found.layers == names and found.distance.shape == (2, len(names))
    assert (found.distance[:, 0] == 0).all(), "nothing comes before the first layer"
    assert (found.distance[:, 2:] > 0).all() and (np.abs(found.cosine) <= 1 + 1e-5).all()
    mine = landscape.of_member(trained.workdir, "a", "last", mode="train")
    batch = jax.tree.map(lambda leaf: leaf[1], mine.batches)
    grad = jax.jit(jax.grad(mine.loss))
    first = grad(mine.params, batch)
    moved = {name: jax.tree.map(lambda w, g: w - 0.01 * g, mine.params[name], first[name])
             if name in names[:2] else mine.params[name] for name in names}  # fmt: skip
    change = jax.tree.map(jnp.subtract, grad(moved, batch)["conv2"], first["conv2"])
    norm = np.linalg.norm(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(change)]))
    assert found.distance[1, 2] == pytest.approx(norm, rel=1e-3)


@pytest.mark.parametrize("changes, words", [
    ({"layers": None}, "does not say in which order"), ({"layers": ("a", "b")}, "c belongs to 0"),
    ({"layers": ("a", "b", "c", "d")}, "'d' has no parameters"),
    ({"layers": ("a", "b", "c", "c")}, "c belongs to 2"), ({"layers": ()}, "a belongs to 0"),
    ({"size": 0.0}, "a size of 0.0"), ({"size": -1.0}, "a size of -1.0"),
    ({"size": float("nan")}, "a size of nan"), ({"size": float("inf")}, "a size of inf"),
    ({"size": "big"}, "a size of 'big'"), ({"member": "a"}, "takes no member"),
])  # fmt: skip
def test_what_is_refused(changes, words):
    mine = objective(np.ones((1, 6, 6), "f4"), np.ones(6, "f4"))
    with pytest.raises(UserError, match=words) as error:
        covariate_shift(mine, **{"layers": tuple("abc"), **changes})
    assert len(str(error.value).splitlines()) <= 3
