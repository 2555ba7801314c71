"""Curvature of a loss at its weights: eigenvalues, trace and spectral density of its Hessian."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial, reduce
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from jaxcifar.core import kill_points
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Tree
from jaxcifar.landscape import lanczos, points
from jaxcifar.landscape.objective import Objective
from jaxcifar.landscape.progress import in_turn, watched
from jaxcifar.landscape.slices import objective_of
from jaxcifar.records import hessians
from jaxcifar.records.hessians import Hessian


class Asked(NamedTuple):
    """How much is to be found out, and from which draws."""

    top: int = 5  # eigenvalues; 0 = none
    trace: int = 10  # samples of the trace; 0 = none
    density: int = 2  # vectors that the density is seen from; 0 = none
    steps: int = 60  # Lanczos steps: at most for eigenvalues, of each vector of the density
    tolerance: float = 1e-3  # of residuals over the largest absolute eigenvalue
    seed: int = 0


LOWEST = {"top": 0, "trace": 0, "density": 0, "steps": 1, "seed": 0}
HIGHEST = 2**31 - 1


def hessian(
    target: Objective | Path | str, member: str | None = None, *, top: int = 5, trace: int = 10,
    density: int = 2, steps: int = 60, tolerance: float = 1e-3, seed: int = 0,
    out: Path | str | None = None, **of: Any,
) -> Hessian:  # fmt: skip
    """Eigenvalues, trace and spectral density of the second derivative of a mean loss.

    It is the Hessian of the objective's whole loss, the mean over all its batches. BatchNorm is as
    the objective has it: fixed running statistics ("eval"), or statistics of each batch, which
    are differentiated through ("train").

    Args:
        target: a run folder, or an objective (`of_loss`, `of_member`).
        member: whose weights of the run folder.
        top: how many of the largest eigenvalues, by Lanczos with full reorthogonalisation.
        trace: how many vectors of random signs the trace is estimated from (Hutchinson).
        density: how many the spectral density is seen from (stochastic Lanczos quadrature).
        steps: most Lanczos steps for the eigenvalues, and those of each vector of the density.
        tolerance: residuals of the eigenvalues, over the largest absolute one, that end the search.
        seed: of all random vectors.
        out: a folder for the record, with which an interrupted call goes on; None = the run
            folder's ``landscape``, or none for an objective.
        of: what else `of_member` takes: which, split, subset, batch, mode, data_dir.

    Returns: a `Hessian`; its ``units`` say what its arrays are in.

    Raises: UserError: as `of_member`; counts that are no such numbers, more eigenvalues than steps
        or parameters, products that are not finite, vectors that do not fit into the memory.

    >>> found = landscape.hessian("runs/mine", "lr=0.001", mode="train", top=1, trace=0, density=0)
    >>> found.eigenvalues[0], found.residuals[0]
    """
    asked = _checked(Asked(top, trace, density, steps, tolerance, seed))
    objective, place = objective_of(target, member, out, of)
    work = _Work(asked, *flat_product(objective), str(objective.about["name"]))
    empty = Hessian(work.size, {**objective.about, **asked._asdict()})
    identity = points.identify(objective, asked._asdict())
    path = None if place is None else place / hessians.file_name(empty)
    return _fill(work, empty, identity, path)


def _checked(asked: Asked) -> Asked:
    for name, lowest in LOWEST.items():
        value = getattr(asked, name)
        if type(value) is not int or not lowest <= value <= HIGHEST:
            raise UserError(f"{name} is {value!r}\nallowed: whole numbers from {lowest}")
    tolerance = asked.tolerance
    if not (isinstance(tolerance, float | int) and 0 < tolerance < 1):
        raise UserError(f"tolerance is {tolerance!r}\nallowed: a number between 0 and 1")
    if not asked.top + asked.trace + asked.density:
        raise UserError("top, trace and density are all 0: nothing is asked\ngive one of them")
    return asked


class _Work(NamedTuple):
    """What the pieces of a Hessian are made from."""

    asked: Asked
    product: lanczos.Product
    size: int
    dtype: str
    name: str

    @property
    def given(self) -> dict[str, Any]:
        return {"dtype": self.dtype, "seed": self.asked.seed}


def _fill(
    work: _Work, found: Hessian, identity: Mapping[str, Any], path: Path | None
) -> Hessian:  # fmt: skip
    """What the record has of it, and the rest piece by piece: each is recorded as it is done."""
    if path is not None and path.exists():
        before, of = hessians.read(path)
        found = before if of == identity else found
    for more in (_eigenvalues, _trace, _density):
        for found in more(work, found):  # noqa: B020  # each goes on from what is there
            if path is not None:
                hessians.write(path, found, identity)
            kill_points.reach("curvature")
    return found


def _eigenvalues(work: _Work, found: Hessian) -> Iterator[Hessian]:
    if not work.asked.top or found.eigenvalues.size:
        return
    pairs = lanczos.largest(
        work.product, work.size, work.asked.top, most=work.asked.steps,
        tolerance=work.asked.tolerance, watch=partial(watched, what=f"{work.name}: eigenvalues"),
        **work.given,
    )  # fmt: skip
    yield found._replace(
        eigenvalues=pairs.values, residuals=pairs.residuals,
        lowest=np.array([pairs.lowest]), lowest_residual=np.array([pairs.lowest_residual]),
        steps=np.array([pairs.steps]), converged=np.array([pairs.converged]),
    )  # fmt: skip


def _trace(work: _Work, found: Hessian) -> Iterator[Hessian]:
    done = len(found.trace_samples)
    left = range(done, work.asked.trace)
    for number in watched(left, work.asked.trace, f"{work.name}: trace", done=done):
        sample = lanczos.trace_sample(work.product, work.size, number, **work.given)
        found = found._replace(trace_samples=np.append(found.trace_samples, sample))
        yield found


def _density(work: _Work, found: Hessian) -> Iterator[Hessian]:
    for number in range(len(found.nodes), work.asked.density):
        what = f"{work.name}: density, vector {number + 1} of {work.asked.density}"
        rows = lanczos.quadrature(
            work.product, work.size, number, work.asked.steps,
            watch=partial(watched, what=what), **work.given,
        )  # fmt: skip
        nodes, weights = (
            np.vstack([before.reshape(-1, len(row)), row])
            for before, row in zip((found.nodes, found.weights), rows, strict=True)
        )
        found = found._replace(nodes=nodes, weights=weights)
        yield found


def flat_product(objective: Objective) -> tuple[lanczos.Product, int, str]:
    """The product of an objective's Hessian with flat vectors (n,), n, and their dtype.

    On a CPU both halves of the batches are worked on at a time, as one leaves cores idle that the
    other can use (VGG-A at width 0.25 on 2 cores: 0.72 of the time); their sum is always taken in
    the same order. It is compiled once and here, under this thread's switches: what is called by
    other threads depends on none of theirs, and takes arrays alone.
    """
    flat, _ = ravel_pytree(objective.params)
    fixed = jax.device_put((objective.loss, objective.params))
    parts = jax.device_put(_halves(objective))
    like = jax.ShapeDtypeStruct(flat.shape, flat.dtype)
    run = _flat.lower(*fixed, *parts[0], like).compile()

    def product(vector: jax.Array) -> jax.Array:
        found = in_turn(
            lambda part: jax.block_until_ready(run(*fixed, *part, vector)), parts, len(parts)
        )
        return reduce(jnp.add, found)

    return product, flat.size, str(flat.dtype)


def _halves(objective: Objective) -> list[tuple[Any, np.ndarray]]:
    """Batches and their shares, in one part or, on a CPU, in two of one shape.

    A batch that is left over is filled up by itself, with a share of 0.
    """
    count = len(objective.counts)
    dtype = jnp.result_type(*jax.tree.leaves(objective.params))
    shares = np.asarray(objective.counts / objective.counts.sum(), dtype)
    if jax.default_backend() != "cpu" or count == 1:
        return [(objective.batches, shares)]
    rows = np.minimum(np.arange(count + count % 2), count - 1).reshape(2, -1)
    shares = np.append(shares, np.zeros(count % 2, dtype)).reshape(rows.shape)
    return [
        (jax.tree.map(lambda leaf, of=of: jnp.asarray(leaf)[of], objective.batches), share)
        for of, share in zip(rows, shares, strict=True)
    ]


@jax.jit
def _flat(
    loss: Callable[[Tree, Any], jax.Array], params: Tree, batches: Any, shares: jax.Array,
    vector: jax.Array,
) -> jax.Array:  # fmt: skip
    _, unravel = ravel_pytree(params)
    return ravel_pytree(hessian_product(loss, params, batches, shares, unravel(vector)))[0]


def hessian_product(
    loss: Callable[[Tree, Any], jax.Array], params: Tree, batches: Any, shares: jax.Array,
    vector: Tree,
) -> Tree:  # fmt: skip
    """The Hessian of a mean loss times a vector, forward over reverse.

    One batch after another, always added up in the same order: the memory is that of one batch,
    and two runs agree to the bit.

    Args:
        loss: (params, a batch) -> scalar.
        params: where; a pytree of floats.
        batches: leaves (K, ...).
        shares: (K,) how much each batch weighs; they add up to 1.
        vector: a pytree as params.

    Returns: a pytree as params.

    >>> product = hessian_product(loss, params, batches, jnp.full(4, 0.25), vector)
    """

    def add(total: Tree, part: Any) -> tuple[Tree, None]:
        batch, share = part
        _, image = jax.jvp(lambda p: jax.grad(loss)(p, batch), (params,), (vector,))
        return jax.tree.map(lambda t, i: t + share.astype(i.dtype) * i, total, image), None

    return jax.lax.scan(add, jax.tree.map(jnp.zeros_like, vector), (batches, shares))[0]
