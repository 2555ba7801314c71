"""Spectra from products alone, against closed forms and NumPy's dense eigen-solver."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar.core import hardware
from jaxcifar.core.errors import UserError
from jaxcifar.landscape import lanczos


def random(n, shift=0.0, rank=None, seed=0):
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(n, n)))
    values = rng.normal(size=n) + shift
    values[n if rank is None else rank :] = 0.0
    return (q * values) @ q.T


N = 12
MATRICES = {
    "twice the identity": 2 * np.eye(N),
    "equal eigenvalues": np.diag([9.0, 9, 9, 5, 5, 1, 1, 1, -4, -4, -4, 0]),
    "equal below": np.diag([9.0, 8, 8, 8, 8, 1, 1, 1, 1, 1, 1, 1]),
    "nothing": np.zeros((N, N)),
    "one direction": np.outer(np.arange(N), np.arange(N)) / N,
    "both signs": random(N),
    "all negative": random(N, shift=-8),
    "few of many": random(N, shift=2, rank=4),
    "scales": np.diag(10.0 ** np.arange(-8, 4)),
    "tiny": 1e-9 * random(N),
}
every_matrix = pytest.mark.parametrize("matrix", MATRICES.values(), ids=MATRICES)
EXACT = {"float32": 2e-6, "float64": 1e-13}
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


@pytest.fixture(params=EXACT)
def dtype(request):
    with jax.enable_x64(request.param == "float64"):
        yield request.param


@jax.jit
def times(matrix, vector):
    return jnp.dot(matrix, vector, precision="highest")


def product(matrix, dtype="float32"):
    return partial(times, jnp.asarray(matrix, dtype))


@every_matrix
def test_largest_eigenvalues_are_those_of_numpy(matrix, dtype):
    n, scale = len(matrix), max(np.abs(np.linalg.eigvalsh(matrix)).max(), 1e-30)
    wanted, within = np.linalg.eigvalsh(matrix)[::-1], TOLERANCE[dtype]
    for count in (1, 2, n):
        found = lanczos.largest(product(matrix, dtype), n, count, dtype=dtype, tolerance=within)
        assert np.abs(found.values - wanted[:count]).max() < 20 * EXACT[dtype] * scale
        assert found.converged and found.residuals.max() <= within * scale
        assert found.vectors.shape == (count, n) and str(found.vectors.dtype) == dtype
    assert found.lowest == pytest.approx(wanted[-1], abs=20 * EXACT[dtype] * scale)


@every_matrix
def test_the_basis_is_orthonormal_and_tridiagonal(matrix, dtype):
    n, eps = len(matrix), EXACT[dtype]
    start = lanczos.draw(3, lanczos.Draw.START, 0, n, dtype, signs=False)
    *_, found = lanczos.grow(product(matrix, dtype), start, n)
    basis = np.asarray(found.basis, np.float64)
    np.testing.assert_allclose(basis @ basis.T, np.eye(n), atol=5 * eps)
    small = np.diag(found.diagonal) + np.diag(found.off[:-1], 1) + np.diag(found.off[:-1], -1)
    np.testing.assert_allclose(
        basis @ matrix @ basis.T, small, atol=20 * eps * np.abs(matrix).max()
    )


def test_a_search_that_is_cut_says_so_and_its_residuals_hold():
    matrix = random(200)
    found = lanczos.largest(product(matrix), 200, 3, most=6)
    assert not found.converged and found.steps == 6
    wanted = np.linalg.eigvalsh(matrix)
    for value, residual in zip(found.values, found.residuals, strict=True):
        assert np.abs(wanted - value).min() <= residual + 1e-5


def test_the_search_ends_as_soon_as_the_residuals_are_small():
    matrix = np.diag([*np.linspace(0, 1, 299), 10.0])
    found = lanczos.largest(product(matrix), 300, 1, most=300)
    assert found.converged and found.steps < 15


@pytest.mark.parametrize("n, steps", [(8, 8), (50, 6), (50, 12)])
def test_a_quadrature_has_the_moments_of_its_vector(n, steps):
    with jax.enable_x64(True):
        matrix = random(n, shift=1)
        vector = np.asarray(lanczos.draw(7, lanczos.Draw.DENSITY, 2, n, "float64", signs=True))
        nodes, weights = lanczos.quadrature(
            product(matrix, "float64"), n, 2, steps, dtype="float64", seed=7
        )
    assert len(nodes) == steps and weights.sum() == pytest.approx(1)
    power = vector / np.sqrt(n)
    first = power.copy()
    for degree in range(2 * steps):
        wanted = first @ power
        assert (weights * nodes**degree).sum() == pytest.approx(wanted, rel=1e-9, abs=1e-9), degree
        power = matrix @ power


def test_trace_samples_are_exact_on_a_diagonal_and_unbiased_elsewhere():
    diagonal = product(np.diag(np.arange(10.0)))
    assert {lanczos.trace_sample(diagonal, 10, number) for number in range(5)} == {45.0}
    matrix = random(30, shift=1)
    samples = np.array([lanczos.trace_sample(product(matrix), 30, i) for i in range(100)])
    error = samples.std(ddof=1) / 10
    assert 0 < abs(samples.mean() - np.trace(matrix)) < 3 * error


def test_draws_follow_from_seed_purpose_and_number_alone():
    draws = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    seen = [np.asarray(lanczos.draw(*each, 50, "float32", signs=True)).tobytes() for each in draws]
    assert len(set(seen)) == 4
    matrix = product(random(30))
    first, again = (lanczos.largest(matrix, 30, 2, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_array_equal(first.vectors, again.vectors)


@pytest.mark.parametrize("count, most", [(0, 10), (6, 10), (3, 2), (-1, 10)])
def test_more_eigenvalues_than_can_be_are_refused(count, most):
    with pytest.raises(UserError, match=rf"{count} eigenvalues of 5 .*\nallowed: 1\.\."):
        lanczos.largest(product(np.eye(5)), 5, count, most=most)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_product_that_is_not_finite_is_named(bad):
    overflowing = lambda vector: vector * bad  # noqa: E731
    for ask in (
        lambda: lanczos.largest(overflowing, 4, 1),
        lambda: lanczos.trace_sample(overflowing, 4, 0),
        lambda: lanczos.quadrature(overflowing, 4, 0, 3),
    ):
        with pytest.raises(UserError, match="product with the matrix is not finite"):
            ask()


def test_a_basis_beyond_the_memory_is_refused_before_any_product(monkeypatch):
    monkeypatch.setattr(hardware, "limit", lambda: 4 * 1000 * 20)
    with pytest.raises(UserError, match="11 Lanczos steps .*\nallowed here: 10 steps"):
        next(lanczos.grow(lambda _: pytest.fail("multiplied"), jnp.ones(1000), 11))
