"""The Hessian of losses and of networks with BatchNorm, against closed forms and dense matrices."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from jax.flatten_util import ravel_pytree
from jax.tree_util import Partial

from jaxcifar import landscape, programs
from jaxcifar.config import replace
from jaxcifar.core.errors import UserError
from jaxcifar.landscape import lanczos, objective
from jaxcifar.landscape.hessian import _halves, flat_product, hessian_product
from jaxcifar.models.batch_norm import batch_norm, normalise
from jaxcifar.records import hessians

PRECISION = {"float32": 1e-4, "float64": 1e-8}


@pytest.fixture(params=PRECISION)
def dtype(request):
    with jax.enable_x64(request.param == "float64"):
        yield request.param


def symmetric(n, seed=0):
    matrix = np.random.default_rng(seed).normal(size=(n, n))
    return (matrix + matrix.T) / 2


def quadratic(matrices, counts=None, at=1.0):
    """Batches k with the loss w.A_k w / 2, of weights in two leaves."""
    half = len(matrices[0]) // 2

    def loss(params, matrix):
        w = jnp.concatenate([params["a"], params["b"]])
        return jnp.vdot(w, matrix @ w) / 2

    params = {"a": jnp.full(half, at), "b": jnp.full(len(matrices[0]) - half, at)}
    return objective.of_loss(loss, params, jnp.asarray(np.stack(matrices), jnp.float32), counts)


def network(mode, dtype="float32", hidden=8):
    """A dense network of 26 * hidden weights, with BatchNorm: (loss, params, batches of 12)."""
    keys = jax.random.split(jax.random.key(4), 5)
    params = {
        "in": jax.random.normal(keys[0], (19, hidden), dtype),
        "scale": jnp.full(hidden, 1.5, dtype),
        "bias": jax.random.normal(keys[1], (hidden,), dtype),
        "out": jax.random.normal(keys[2], (hidden, 5), dtype),
    }  # fmt: skip
    mean, var = jnp.full(hidden, 0.3, dtype), jnp.full(hidden, 2.0, dtype)

    def loss(params, batch):
        x, labels = batch
        y = x @ params["in"]
        if mode == "train":
            y, _, _ = batch_norm(y, params["scale"], params["bias"], 1e-5)
        else:
            y = normalise(y, mean, var, params["scale"], params["bias"], 1e-5)
        logits = jax.nn.log_softmax(jax.nn.relu(y) @ params["out"])
        return -jnp.take_along_axis(logits, labels[:, None], axis=1).mean()

    batches = (jax.random.normal(keys[3], (3, 12, 19), dtype),
               jax.random.randint(keys[4], (3, 12), 0, 5))  # fmt: skip
    return loss, params, batches


def mean_of(value, batches):
    """The mean of value(batch) over 3 batches."""
    parts = [value(jax.tree.map(lambda leaf, k=k: leaf[k], batches)) for k in range(3)]
    return sum(parts) / 3


def dense(loss, params, batches):
    """The whole matrix, float64, by `jax.hessian` of the mean over all batches at once."""
    flat, unravel = ravel_pytree(params)

    def mean(flat):
        return mean_of(lambda batch: loss(unravel(flat), batch), batches)

    return np.asarray(jax.hessian(mean)(flat), np.float64)


def assert_matches(found, matrix, precision):
    """Eigenvalues, trace and density of `found` are those of a dense matrix."""
    wanted = np.linalg.eigvalsh(matrix)
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found.eigenvalues, wanted[::-1][: len(found.eigenvalues)],
                               atol=precision * scale)  # fmt: skip
    for value, residual in zip(found.eigenvalues, found.residuals, strict=True):
        assert np.abs(wanted - value).min() <= residual + precision * scale
    assert np.abs(wanted - found.lowest).min() <= found.lowest_residual + precision * scale
    assert abs(found.trace - np.trace(matrix)) < 4 * found.trace_error
    n, size = len(found.nodes), len(matrix)
    first = [(w * v).sum() * size for v, w in zip(found.nodes, found.weights, strict=True)]
    signs = [np.asarray(lanczos.draw(0, lanczos.Draw.DENSITY, i, size, "float32", signs=True))
             for i in range(n)]  # fmt: skip
    np.testing.assert_allclose(first, [v @ matrix @ v for v in signs.copy()],
                               atol=precision * scale * size)  # fmt: skip


@pytest.mark.parametrize("counts", [None, [1, 1], [3, 1], [1, 9]])
def test_of_quadratics_it_is_their_weighted_mean(counts):
    first, second = symmetric(9, 0), symmetric(9, 1)
    found = landscape.hessian(quadratic([first, second], counts), top=9, trace=40, density=2)
    share = 0.5 if counts is None else counts[0] / sum(counts)
    assert_matches(found, share * first + (1 - share) * second, 1e-5)
    assert found.parameters == 9 and found.converged and found.units["eigenvalues"]


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
@pytest.mark.parametrize("counts", [[3], [1, 4], [2, 2, 1], [5, 1, 1, 2], [1, 2, 3, 4, 5]])
def test_batches_are_shared_out_and_each_counts_once(counts, backend, monkeypatch):
    """Two halves at a time on a CPU, where an odd number of batches is filled up."""
    matrices = [symmetric(7, seed) for seed in range(len(counts))]
    monkeypatch.setattr("jax.default_backend", lambda: backend)
    mine = quadratic(matrices, counts)
    parts = _halves(mine)
    assert len(parts) == (1 if backend == "gpu" or len(counts) == 1 else 2)
    assert len({len(share) for _, share in parts}) == 1, "one program serves both"
    product, n, _ = flat_product(mine)
    found = np.stack([product(row) for row in jnp.eye(n)])
    wanted = sum(c * m for c, m in zip(counts, matrices, strict=True)) / sum(counts)
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("at", [0.0, 1.0, -7.0])
def test_of_a_quadratic_it_is_the_same_everywhere_and_of_a_linear_loss_nothing(at):
    found = landscape.hessian(quadratic([symmetric(6)], at=at), top=3, trace=2, density=1)
    np.testing.assert_allclose(
        found.eigenvalues, np.linalg.eigvalsh(symmetric(6))[:2:-1], rtol=1e-5
    )
    flat = objective.of_loss(lambda w, x: jnp.vdot(x, w), jnp.full(6, at), jnp.ones((2, 6)))
    found = landscape.hessian(flat, top=3, trace=2, density=1)
    for values in (found.eigenvalues, found.lowest, found.trace_samples, found.nodes):
        np.testing.assert_array_equal(values, 0.0)


@pytest.mark.parametrize("hidden", [8, pytest.param(80, marks=pytest.mark.slow)])
@pytest.mark.parametrize("mode", objective.MODES)
def test_of_a_network_with_batch_norm_it_is_the_dense_matrix(mode, dtype, hidden):
    loss, params, batches = network(mode, dtype, hidden)
    mine = objective.of_loss(loss, params, batches)
    tolerance = PRECISION[dtype] / 10
    found = landscape.hessian(mine, top=5, trace=30, density=2, tolerance=tolerance, steps=150)
    matrix = dense(loss, params, batches)
    assert found.converged and found.parameters == len(matrix) == 26 * hidden
    assert_matches(found, matrix, PRECISION[dtype])


@pytest.mark.parametrize("mode", objective.MODES)
def test_products_are_differences_of_gradients(mode):
    with jax.enable_x64(True):
        loss, params, batches = network(mode, "float64")
        flat, unravel = ravel_pytree(params)
        away = jax.random.normal(jax.random.key(0), flat.shape)
        shares = jnp.full(3, 1 / 3)

        def gradient(at):
            return mean_of(lambda b: ravel_pytree(jax.grad(loss)(unravel(at), b))[0], batches)

        product = hessian_product(loss, params, batches, shares, unravel(away))
        wanted = (gradient(flat + 1e-6 * away) - gradient(flat - 1e-6 * away)) / 2e-6
        np.testing.assert_allclose(ravel_pytree(product)[0], wanted, rtol=1e-5, atol=1e-7)


def vgg(mode, dtype):
    """VGG-A of one to eight channels with BatchNorm, on 2 batches of 4 images."""
    base = replace(tiny.BASE, {
        "data.augment": (), "model.name": "vgg_a", "model.width": 1 / 64, "model.norm": "batch",
        "model.filters": None,
    })  # fmt: skip
    phase = tiny.make_plan(base=base, dtype=dtype).phases[-1]
    state = programs.init_state(phase.program, phase.numbers)
    params, stats, numbers = jax.tree.map(
        lambda leaf: jnp.asarray(leaf[0]), (state.params, state.batch_stats, phase.numbers)
    )
    images, labels = tiny.images(8)
    batches = objective.Batch(
        images.reshape(2, 4, 32, 32, 3), labels.reshape(2, 4), np.ones((2, 4), bool)
    )
    loss, totals = objective._functions(phase.program, mode, False)
    fixed = (numbers, jax.tree.map(lambda leaf: leaf + 0.1, stats))
    return objective.Objective(Partial(loss, *fixed), Partial(totals, *fixed), params, batches,
                               np.array([4, 4]), {"name": "vgg", "identity": mode})  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("mode", objective.MODES)
def test_of_vgg_with_batch_norm_products_are_differences_of_gradients(mode):
    """Of its 2,640 weights, and the same from either side: u.(H v) is v.(H u)."""
    with jax.enable_x64(True):
        mine = vgg(mode, "float64")
        product, n, dtype = flat_product(mine)
        assert (n, dtype) == (2640, "float64")
        flat, unravel = ravel_pytree(mine.params)
        u, v = jax.random.normal(jax.random.key(0), (2, n))

        @jax.jit
        def gradient(at):
            def mean(params):
                return jax.lax.map(lambda batch: mine.loss(params, batch), mine.batches).mean()

            return ravel_pytree(jax.grad(mean)(unravel(at)))[0]

        images = product(u), product(v)
        wanted = (gradient(flat + 1e-7 * v) - gradient(flat - 1e-7 * v)) / 2e-7
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(images[1], wanted, atol=1e-5 * scale)
        assert float(u @ images[1]) == pytest.approx(float(v @ images[0]), rel=1e-8)


def test_two_runs_agree_to_the_bit_and_seeds_differ():
    asked = {"top": 2, "trace": 3, "density": 1, "steps": 10}
    found, again, other = (
        landscape.hessian(quadratic([symmetric(20)]), seed=seed, **asked) for seed in (1, 1, 2)
    )
    np.testing.assert_equal(found._asdict(), again._asdict())
    assert (found.trace_samples != other.trace_samples).any()


class Stop(Exception):
    pass


@pytest.mark.parametrize("at", range(1, 7))
def test_a_call_that_was_stopped_goes_on_to_the_same_bits(tmp_path, monkeypatch, at):
    asked = {"top": 2, "trace": 3, "density": 2, "steps": 10}
    mine = quadratic([symmetric(20)])
    whole = landscape.hessian(mine, **asked)
    seen = []

    def stop(point):
        seen.append(point)
        if len(seen) == at:
            raise Stop

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr("jaxcifar.core.kill_points.reach", stop)
        landscape.hessian(mine, out=tmp_path, **asked)
    with monkeypatch.context() as patch:
        patch.setattr("jaxcifar.core.kill_points.reach", seen.append)
        found = landscape.hessian(mine, out=tmp_path, **asked)
    np.testing.assert_equal(found._asdict(), whole._asdict())
    assert len(seen) == 6, "nothing is worked out twice: 1 + 3 + 2 pieces"
    (path,) = tmp_path.iterdir()
    np.testing.assert_equal(hessians.read(path)[0]._asdict(), whole._asdict())


def two(weighed=(3, 1), seeds=(0, 1), at=1.0):
    return quadratic([symmetric(20, seed) for seed in seeds], list(weighed), at)


def of(loss):
    mine = two()
    return objective.of_loss(loss, mine.params, mine.batches, mine.counts)


def flat(params):
    return ravel_pytree(params)[0]


CONSTANT = np.float32(0.5)
OTHERS = {
    "other weights": lambda: two(at=2.0),
    "other data": lambda: two(seeds=(0, 2)),
    "other order": lambda: two(seeds=(1, 0)),
    "other weighing": lambda: two((1, 3)),
    "another loss": lambda: of(lambda w, m: 2 * jnp.vdot(flat(w), m @ flat(w))),
    "another constant": lambda: of(lambda w, m: CONSTANT * jnp.vdot(flat(w), m @ flat(w)) ** 2),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_record_answers_only_for_what_was_asked(tmp_path, other):
    asked = {"top": 1, "trace": 1, "density": 0}
    landscape.hessian(two(), out=tmp_path, **asked)
    found = landscape.hessian(other(), out=tmp_path, **asked)
    np.testing.assert_equal(found._asdict(), landscape.hessian(other(), **asked)._asdict())
    (path,) = tmp_path.iterdir()
    np.testing.assert_equal(hessians.read(path)[0]._asdict(), found._asdict())


DAMAGE = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "empty": lambda path: path.write_bytes(b""),
    "something else": lambda path: np.savez(path, kind="surface"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_record_is_named(tmp_path, damage):
    def ask():
        return landscape.hessian(quadratic([symmetric(4)]), top=1, trace=0, density=0, out=tmp_path)

    ask()
    (path,) = tmp_path.iterdir()
    damage(path)
    with pytest.raises(UserError, match=f"{path.name} cannot be read.*\nremove it"):
        ask()


@pytest.mark.parametrize("asked, said", [
    ({"top": -1}, "top is -1\nallowed: whole numbers from 0"),
    ({"top": 1.5}, "top is 1.5"),
    ({"top": True}, "top is True"),
    ({"trace": -3}, "trace is -3"),
    ({"density": "2"}, "density is '2'"),
    ({"steps": 0}, "steps is 0\nallowed: whole numbers from 1"),
    ({"seed": -1}, "seed is -1"),
    ({"seed": 2**31}, "seed is 2147483648"),
    ({"tolerance": 0.0}, "tolerance is 0.0\nallowed: a number between 0 and 1"),
    ({"tolerance": float("nan")}, "tolerance is nan"),
    ({"top": 0, "trace": 0, "density": 0}, "nothing is asked"),
    ({"top": 7}, "7 eigenvalues of 6 parameters"),
    ({"top": 3, "steps": 2}, "3 eigenvalues of 6 parameters in 2 steps"),
    ({"mode": "train"}, "an objective takes no mode"),
])  # fmt: skip
def test_what_cannot_be_asked_is_refused(asked, said):
    with pytest.raises(UserError, match=said) as refused:
        landscape.hessian(quadratic([symmetric(6)]), **asked)
    assert len(str(refused.value).splitlines()) <= 3


def test_weights_and_losses_that_are_not_finite_are_named():
    mine = quadratic([symmetric(6)])
    with pytest.raises(UserError, match="not all finite"):
        landscape.hessian(mine._replace(params={"a": jnp.full(3, jnp.nan), "b": jnp.ones(3)}))
    steep = objective.of_loss(
        lambda w, x: jnp.exp(100 * w * x).sum(), jnp.ones(4), jnp.ones((1, 4))
    )
    with pytest.raises(UserError, match="not finite: the loss overflows"):
        landscape.hessian(steep, top=1)


def test_a_record_says_what_its_arrays_are(tmp_path):
    found = landscape.hessian(quadratic([symmetric(4)]), top=2, trace=2, density=1, out=tmp_path)
    (path,) = tmp_path.iterdir()
    assert Path(path).name.endswith("-a_loss.npz")
    read, asked = hessians.read(path)
    assert asked["seed"] == 0 and asked["top"] == 2 and read.about["name"] == "a loss"
    assert set(found.units) <= {*hessians.Hessian._fields}
