"""Probes along the gradient: what steps of many sizes would meet (after arXiv:1805.11604).

From weights w with gradient g of a batch's loss L, the points ``w - size * g`` are looked at: the
loss there, and how far the gradient there is from g. Nothing is trained: no probe moves the weights
or the running statistics.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar import programs
from jaxcifar.config import ProbeConfig
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Book, Images, Numbers, Plan, Program, Stream, TrainState, Tree
from jaxcifar.landscape.objective import Objective
from jaxcifar.landscape.progress import watched
from jaxcifar.landscape.slices import objective_of
from jaxcifar.records import step_probes as records
from jaxcifar.records.formats import described


class Seen(NamedTuple):
    """What is measured at one point of training, along its gradient."""

    loss: jax.Array  # scalar
    gradient_norm: jax.Array  # scalar, over all parameters
    losses: jax.Array  # (K,)
    distance: jax.Array  # (K,) L2 norm of the gradient's change
    cosine: jax.Array  # (K,) of the angle between the two gradients; NaN where one is 0


def along_gradient(
    loss: Callable[[Tree, Any], jax.Array], params: Tree, batch: Any, sizes: jax.Array
) -> Seen:
    """Look along the gradient of any differentiable loss. Pure: to be compiled by the caller.

    One size after another, so that no more is held than in a training step; the first look, at the
    weights themselves, is one of them: it is compiled once. Each look works out where the next one
    stands: as what a loop hands on, weights lie in memory, as in training. Moved where they are
    used they would be moved again for every product that reads them, at 1.7 times the time.

    Args:
        loss: (params, batch) -> scalar.
        params: a pytree of floats.
        batch: whatever `loss` takes.
        sizes: (K,) step sizes above 0.
    """
    grad_fn = jax.value_and_grad(loss)

    def look(at: tuple[Tree, Tree, jax.Array], size: jax.Array) -> tuple[Any, Any]:
        weights, gradient, first = at
        value, found = grad_fn(weights, batch)
        gradient = jax.tree.map(partial(jnp.where, first), found, gradient)
        length, change = _norm(found), jax.tree.map(jnp.subtract, found, gradient)
        cosine = _dot(found, gradient) / (length * _norm(gradient))
        following = jax.tree.map(lambda w, g: w - size.astype(w.dtype) * g, params, gradient)
        return (following, gradient, jnp.array(False)), (value, length, _norm(change), cosine)

    here = (params, jax.tree.map(jnp.zeros_like, params), jnp.array(True))
    seen = jax.lax.scan(look, here, jnp.append(sizes, 0))[1]  # nobody looks after the last size
    losses, lengths, distance, cosine = seen
    return Seen(losses[0], lengths[0], losses[1:], distance[1:], cosine[1:])


def probe(
    target: Objective | Path | str, member: str | None = None, *,
    sizes: Sequence[float] | None = None, **of: Any,
) -> records.StepProbes:  # fmt: skip
    """Look along the gradient of every batch, from weights that stay where they are.

    Args:
        target: a run folder, or an objective (`of_loss`, `of_member`).
        member: whose weights of the run folder.
        sizes: step sizes; None = the eight of a run that asks for none, 0.05 to 0.4.
        of: what else `of_member` takes: which, split, subset, batch, mode, data_dir. The mode is
            "train" where none is named: BatchNorm by the statistics of the batch, as in training.

    Returns: a `StepProbes`, a probe a batch, whose ``step`` is the batch's number; its ``units``
        say what its arrays are in.

    Raises: UserError: as `of_member`; sizes that are no finite numbers above 0 in rising order.

    >>> mine = landscape.of_loss(lambda w, x: jnp.square(x @ w).mean(), jnp.ones(3), batches)
    >>> landscape.probe(mine, sizes=[0.1, 0.2]).smoothness
    """
    chosen = ProbeConfig().sizes if sizes is None else _checked(sizes)
    if not isinstance(target, Objective):
        of = {"mode": "train"} | of
    objective, _ = objective_of(target, member, None, of)
    dtype = jnp.result_type(*jax.tree.leaves(objective.params))
    given, count = jnp.asarray(chosen, dtype), len(objective.counts)
    seen: list[Seen] = []
    for index in watched(range(count), count, "probes"):
        batch = jax.tree.map(lambda leaf, index=index: leaf[index], objective.batches)
        seen.append(jax.device_get(_compiled(objective.loss, objective.params, batch, given)))
    fields = {name: np.stack([getattr(each, name) for each in seen]) for name in records.SEEN}
    return records.StepProbes(**records.with_smoothness(np.arange(count), chosen, fields))


def _checked(sizes: Sequence[float]) -> tuple[float, ...]:
    found = np.asarray(sizes)
    real = found.ndim == 1 and found.size > 0 and np.issubdtype(found.dtype, np.number)
    real = real and not np.iscomplexobj(found)
    if not (real and np.isfinite(found).all() and (np.diff(found, prepend=0) > 0).all()):
        raise UserError(f"sizes are {sizes}\nallowed: finite numbers above 0 in rising order")
    return tuple(found.astype(float).tolist())


@jax.jit
def _compiled(
    loss: Callable[[Tree, Any], jax.Array], params: Tree, batch: Any, sizes: jax.Array
) -> Seen:
    return along_gradient(loss, params, batch, sizes)


def _dot(left: Tree, right: Tree) -> jax.Array:
    products = jax.tree.map(lambda a, b: (a * b).sum(), left, right)
    return sum(jax.tree.leaves(products), jnp.zeros(()))


def _norm(tree: Tree) -> jax.Array:
    return jnp.sqrt(_dot(tree, tree))


def blank(plan: Plan) -> dict[str, np.ndarray]:
    """Arrays (M, P) and (M, P, K) before anything is measured."""
    program = plan.phases[0].program
    shape = (len(plan.members), len(plan.events.probe), len(plan.probe_sizes))
    dtype = programs.param_dtype(program.dtype)
    return {name: np.full(shape[: 3 if name in records.OF_SIZES else 2], np.nan, dtype)
            for name in records.SEEN}  # fmt: skip


def measure(
    program: Program, sizes: Sequence[float], state: TrainState, numbers: Numbers, stream: Stream,
    data: Images, span: np.ndarray,
) -> dict[str, np.ndarray]:  # fmt: skip
    """What every member of a population would meet along the gradient of its next step.

    Args:
        program: what takes that step.
        sizes: K step sizes.
        state, numbers, stream, data, span: as of `programs.make_segment`; nothing is donated.

    Returns: the fields of `Seen`, (M,) and (M, K), NaN of members that are not alive.
    """
    run = make_probe(program)
    shared = (np.array(sizes, programs.param_dtype(program.dtype)), span)
    found = run(
        state.params, state.batch_stats, state.alive, numbers, stream, data,
        *(programs.replicate(each, program) for each in shared),
    )  # fmt: skip
    return programs.host(found._asdict(), program)


@cache
def make_probe(program: Program) -> Callable[..., Seen]:
    """(params, batch_stats, alive, numbers, stream, data, sizes, span) -> `Seen` of (M, ...)."""
    member = partial(_member_probe, parts=programs.bind(program), batch=program.batch)
    batched = (True, True, True, True, not program.shared_batch, False, False, False)
    return jax.jit(programs.over_members(member, program, batched))


def _member_probe(
    params: Tree, batch_stats: Tree, alive: jax.Array, numbers: Numbers, stream: Stream,
    data: Images, sizes: jax.Array, span: jax.Array, *, parts: programs.Parts, batch: int,
) -> Seen:  # fmt: skip
    step, _, row = span
    numbers = numbers._replace(augment=stream.augment)
    images, copy, _ = programs.images_at(stream, data, row, batch)
    of_step, _ = programs.loss_of_step(
        batch_stats, numbers, images, step, stream.augment_seed, copy, parts
    )
    seen = along_gradient(lambda w, _: of_step(w)[0], params, (), sizes)
    return jax.tree.map(lambda leaf: jnp.where(alive, leaf, jnp.nan), seen)


def table(plan: Plan, book: Book, taken: int) -> dict[str, np.ndarray]:
    """The arrays of step_probes.npz: the probes before each of the steps taken so far."""
    steps = [step for step in plan.events.probe if step < taken]
    seen = {name: values[:, : len(steps)] for name, values in book.probes.items()}
    fields = records.with_smoothness(steps, plan.probe_sizes, seen)
    return described(plan.members, {}, records.UNITS, fields)
