"""Spectra of symmetric matrices that are known by their products alone: Lanczos, trace, density.

A product is a function (n,) -> (n,) of one dtype, linear and symmetric, best compiled. Coefficients
and eigenvalues are taken on the host in float64; as the small matrices are symmetric by
construction, no eigenvalue is ever complex.
"""

import enum
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import eigh_tridiagonal

from jaxcifar.core import hardware
from jaxcifar.core.errors import UserError

Product = Callable[[jax.Array], jax.Array]
Watch = Callable[[Iterable[Any], int], Iterable[Any]]
"""(pieces of work, how many at most) -> the same pieces, told of as they pass."""

NOTHING = 100.0  # times the rounding unit and the matrix: what is shorter is rounding alone
SHARE = 0.5  # of the memory that a basis may take: what makes the products needs some as well


class Draw(enum.IntEnum):
    """What random vectors are for: streams of one seed that are independent. Never renumber."""

    START = 0
    RESTART = 1
    TRACE = 2
    DENSITY = 3


class Krylov(NamedTuple):
    """A symmetric matrix A seen from m directions: A basis.T = basis.T T + a rest, T tridiagonal.

    T has `diagonal`, and `off` without its last entry, which is the length of the rest.
    """

    diagonal: np.ndarray  # (m,) float64
    off: np.ndarray  # (m,) float64, never negative
    basis: jax.Array  # (m, n), orthonormal rows

    def ritz(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues (m,) of T, rising, and its eigenvectors (m, m), a column each."""
        return eigh_tridiagonal(self.diagonal, self.off[:-1])

    def doubts(self, count: int) -> np.ndarray:
        """Estimated residuals of the largest eigenvalues, and of the largest one of the directions
        since the last fresh one: it may be on its way above them. Infinite where none is known.
        """
        rest, (_, small) = self.off[-1], self.ritz()
        if len(small) < count or not rest:  # what is known is known whole, and tells of no others
            return np.full(count + 1, np.inf)
        fresh = np.append(0, np.flatnonzero(self.off == 0) + 1)[-1]
        _, last = eigh_tridiagonal(self.diagonal[fresh:], self.off[fresh:-1])
        return rest * np.abs(np.append(small[-1, -count:], last[-1, -1]))


class Pairs(NamedTuple):
    """Eigenvalues by falling value, their eigenvectors, and how exactly they are known."""

    values: np.ndarray  # (k,) float64
    residuals: np.ndarray  # (k,) float64: norms |A v - value v|; an eigenvalue lies that near
    vectors: jax.Array  # (k, n), of norm 1
    lowest: float  # smallest eigenvalue seen from the same directions
    lowest_residual: float
    steps: int  # products until then
    converged: bool  # whether all residuals of `values` are within the tolerance


def draw(seed: int, what: Draw, number: int, size: int, dtype: str, signs: bool) -> jax.Array:
    """(n,) random signs, or normal numbers: the same for the same seed, purpose and number."""
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), what), number)
    return (jax.random.rademacher if signs else jax.random.normal)(key, (size,), dtype)


def grow(product: Product, start: jax.Array, most: int, seed: int = 0) -> Iterator[Krylov]:
    """Lanczos with full reorthogonalisation: what is known after 1, 2, ... `most` products.

    Where the directions have run out (the start lies in few eigenvectors) it goes on from a random
    one that is orthogonal to all before, so that equal eigenvalues are found as well.

    Args:
        product: of the matrix.
        start: (n,), not 0.
        most: how many products at most; no more than n are taken.
        seed: of the random directions.

    Raises: UserError: a product is not finite, or the basis would take most of the memory.
    """
    size, dtype = start.shape[0], str(start.dtype)
    most = min(most, size)
    _check_memory(most, size, start.dtype.itemsize)
    diagonal, off = np.zeros(most), np.zeros(most)
    basis, vector = jnp.zeros((most, size), dtype), start / jnp.linalg.norm(start)
    for step in range(most):
        basis, found, rest = _extend(basis, vector, product(vector), step)
        diagonal[step], off[step] = np.asarray(found, np.float64)
        _check_finite(diagonal[step], off[step], step)
        vector = rest
        if off[step] <= NOTHING * np.finfo(dtype).eps * max(np.max(np.abs(diagonal)), np.max(off)):
            off[step] = 0.0
            vector = _orthogonal(basis, draw(seed, Draw.RESTART, step, size, dtype, False))[0]
        yield Krylov(diagonal[: step + 1], off[: step + 1], basis)


@partial(jax.jit, donate_argnums=0)
def _extend(
    basis: jax.Array, vector: jax.Array, image: jax.Array, step: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """A row more; T's two new numbers, and the next direction."""
    basis = basis.at[step].set(vector)
    rest, length = _orthogonal(basis, image)
    return basis, jnp.stack([_dot(vector, image), length]), rest


@jax.jit
def _orthogonal(basis: jax.Array, vector: jax.Array) -> tuple[jax.Array, jax.Array]:
    """What a vector has outside of the basis, of norm 1, and how long it was.

    Twice, as the first time leaves rounding errors of the part that it takes away.
    """
    for _ in range(2):
        vector = vector - _dot(_dot(basis, vector), basis)
    length = jnp.linalg.norm(vector)
    return vector / jnp.where(length > 0, length, 1), length


_dot = partial(jnp.dot, precision=jax.lax.Precision.HIGHEST)


def largest(
    product: Product, size: int, count: int, *, dtype: str = "float32", most: int = 100,
    tolerance: float = 1e-3, seed: int = 0, watch: Watch = lambda parts, total: parts,
) -> Pairs:  # fmt: skip
    """The largest eigenvalues by Lanczos, until their residuals are small.

    An eigenvalue lies within the residual of each value; where its neighbours are far, the value
    is off by residual^2 / distance only.

    Args:
        product: of an (n, n) matrix.
        size: n.
        count: how many eigenvalues.
        dtype: of the vectors.
        most: products at most; what is reached by then is given as it is.
        tolerance: largest residual over the largest absolute eigenvalue.
        seed: of the start.
        watch: told of every product.

    Raises: UserError: as `grow`, or `count` is more than n or than `most`.
    """
    if not 1 <= count <= min(size, most):
        few = f"1..{min(size, most)}: no more than parameters, or than steps"
        raise UserError(f"{count} eigenvalues of {size} parameters in {most} steps\nallowed: {few}")
    start = draw(seed, Draw.START, 0, size, dtype, signs=False)
    for found in watch(grow(product, start, most, seed), min(most, size)):
        values, small = found.ritz()
        within = tolerance * np.abs(values).max()
        if (found.doubts(count) <= within / 2).all():
            break
    ends = np.append(np.arange(len(values))[::-1][:count], 0)
    factors = np.zeros((len(ends), len(found.basis)))
    factors[:, : len(values)] = small[:, ends].T
    vectors = _combine(found.basis, jnp.asarray(factors, dtype))
    pairs = zip(vectors, values[ends], strict=True)
    measured = np.array([_residual(product, *pair) for pair in watch(pairs, len(ends))])
    return Pairs(
        values[ends[:-1]], measured[:-1], vectors[:-1], float(values[0]), float(measured[-1]),
        len(values), bool((measured[:-1] <= within).all()),
    )  # fmt: skip


def _residual(product: Product, vector: jax.Array, value: np.ndarray) -> float:
    """The norm |A v - value v|, measured by a product: rounding is in it, too."""
    return float(jnp.linalg.norm(product(vector) - value.astype(vector.dtype) * vector))


@jax.jit
def _combine(basis: jax.Array, factors: jax.Array) -> jax.Array:
    vectors = _dot(factors, basis)
    return vectors / jnp.linalg.norm(vectors, axis=1, keepdims=True)


def trace_sample(
    product: Product, size: int, number: int, dtype: str = "float32", seed: int = 0
) -> float:
    """v.A v of the number-th vector of random signs: its mean is the trace (Hutchinson)."""
    vector = draw(seed, Draw.TRACE, number, size, dtype, signs=True)
    sample = float(_dot(vector, product(vector)))
    _check_finite(sample, 0.0, 0)
    return sample


def quadrature(
    product: Product, size: int, number: int, steps: int, *, dtype: str = "float32", seed: int = 0,
    watch: Watch = lambda parts, total: parts,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """A few values that stand for all eigenvalues, seen from the number-th vector of random signs.

    For polynomials f up to degree 2 * steps - 1, sum(weights * f(values)) is v.f(A) v of that
    vector v of norm 1, whose mean over vectors is the mean of f over all eigenvalues.

    Returns: values (m,), rising, and weights (m,), which add up to 1: m = min(steps, n), float64.
    """
    start = draw(seed, Draw.DENSITY, number, size, dtype, signs=True)
    for found in watch(grow(product, start, steps, seed), min(steps, size)):  # noqa: B007
        pass
    values, small = found.ritz()
    return values, small[0] ** 2


def _check_memory(most: int, size: int, itemsize: int) -> None:
    need, limit = most * size * itemsize, hardware.limit()
    if need > SHARE * limit:
        raise UserError(
            f"{most} Lanczos steps keep {need / 2**30:.1f} GiB of vectors; there are "
            f"{limit / 2**30:.1f} GiB\nallowed here: {int(SHARE * limit / (size * itemsize))} steps"
        )


def _check_finite(diagonal: float, off: float, step: int) -> None:
    if not np.isfinite([diagonal, off]).all():
        raise UserError(
            f"the {step + 1}. product with the matrix is not finite: the loss overflows there\n"
            "ask weights of an earlier step, or a member that did not diverge"
        )
