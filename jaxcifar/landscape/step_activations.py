"""Distributions of what layers give during training, on the minibatch of the next step."""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar import models, programs
from jaxcifar.core.types import Book, Images, Numbers, Plan, Program, Stream, Tree
from jaxcifar.landscape.moment import Moment
from jaxcifar.models.counting import one_image
from jaxcifar.records import activations as records
from jaxcifar.records.formats import described

N_BIN = 4096


class Seen(NamedTuple):
    """How the numbers of one output, or of several, are distributed."""

    mean: jax.Array  # scalar, or (D,) of several
    std: jax.Array
    quantiles: jax.Array  # (Q,) or (D, Q), at `records.LEVELS`


def distribution(y: jax.Array) -> Seen:
    """Of an output (N, ...); NaN where not all numbers are finite.

    Quantiles are those of a histogram, within 1/4096 of the range: sorting two million numbers
    takes sixty times as long on a CPU.
    """
    rows = y.astype(jnp.promote_types(y.dtype, jnp.float32)).reshape(len(y), -1)
    mean = rows.mean(axis=1).mean()  # by image: shorter sums, less error
    std = jnp.sqrt(jnp.square(rows - mean).mean(axis=1).mean())
    found = Seen(mean, std, _quantiles(rows.ravel()))
    return jax.tree.map(lambda leaf: jnp.where(jnp.isfinite(std), leaf, jnp.nan), found)


def _quantiles(x: jax.Array) -> jax.Array:
    low, high = x.min(), x.max()
    width = (high - low) / N_BIN
    places = jnp.where(width > 0, (x - low) / width, 0).astype(jnp.int32)
    # Adding integers has no order to depend on.
    counts = jnp.zeros(N_BIN, jnp.int32).at[jnp.clip(places, 0, N_BIN - 1)].add(1)
    below = jnp.cumsum(counts)
    ranks = jnp.asarray([level * (x.size - 1) for level in records.LEVELS], x.dtype)
    place = jnp.minimum((below[None] <= ranks[:, None]).sum(axis=1), N_BIN - 1)
    inside = (ranks - (below - counts)[place] + 0.5) / counts[place]
    values = low + (place + jnp.clip(inside, 0, 1)) * width
    return values.at[0].set(low).at[-1].set(high)


def blank(plan: Plan) -> dict[str, np.ndarray]:
    """Arrays (M, P, D) and (M, P, D, Q) before anything is measured."""
    program = plan.phases[0].program
    shape = (len(plan.members), len(plan.events.activations), len(layers(program)))
    dtype = programs.param_dtype(program.dtype)
    ends = {"quantiles": (len(records.LEVELS),)}
    return {name: np.full(shape + ends.get(name, ()), np.nan, dtype) for name in records.SEEN}


@cache
def layers(program: Program) -> tuple[str, ...]:
    """The layers of its network, in the order they run: as `models.outputs` names them."""
    options = dict(program.options)
    look = partial(models.outputs, models.make_model(program.model, **options), of=jnp.mean)
    return tuple(jax.eval_shape(look, models.shapes(program.model, **options), one_image()))


def measure(plan: Plan, at: Moment) -> dict[str, np.ndarray]:
    """How the outputs of every layer are distributed on the next batch, of every member.

    BatchNorm normalises by the batch, as in training; nothing is dropped out. It costs a forward
    pass and the counting, which takes about as long.

    Returns: the fields of `Seen`, (M, D) and (M, D, Q), NaN of members that are not alive.
    """
    span, state = programs.replicate(at.span, at.program), at.state
    found = make_probe(at.program)(
        state.params, state.batch_stats, state.alive, at.numbers, at.stream, at.data, span
    )
    return programs.host(found._asdict(), at.program)


@cache
def make_probe(program: Program) -> Callable[..., Seen]:
    """(params, batch_stats, alive, numbers, stream, data, span) -> `Seen` of (M, D, ...)."""
    member = partial(_member_outputs, parts=programs.bind(program), batch=program.batch)
    batched = (True, True, True, True, not program.shared_batch, False, False)
    return jax.jit(programs.over_members(member, program, batched))


def _member_outputs(
    params: Tree, batch_stats: Tree, alive: jax.Array, numbers: Numbers, stream: Stream,
    data: Images, span: jax.Array, *, parts: programs.Parts, batch: int,
) -> Seen:  # fmt: skip
    step, _, row = span
    numbers = numbers._replace(augment=stream.augment)
    images, copy, _ = programs.images_at(stream, data, row, batch)
    pixels, _ = programs.images_of_step(numbers, images, step, stream.augment_seed, copy, parts)
    variables = {"params": params, "batch_stats": batch_stats, "hyper": numbers.model}
    found = models.outputs(parts.model, variables, pixels, of=distribution, by_batch=True)
    seen = jax.tree.map(lambda *leaves: jnp.stack(leaves), *found.values())
    return jax.tree.map(lambda leaf: jnp.where(alive, leaf, jnp.nan), seen)


def table(plan: Plan, book: Book, taken: int) -> dict[str, np.ndarray]:
    """The arrays of activations.npz: the probes before each of the steps taken so far."""
    steps = [step for step in plan.events.activations if step < taken]
    head = {
        "layers": layers(plan.phases[0].program), "step": np.array(steps, np.int64),
        "levels": np.array(records.LEVELS),
    }  # fmt: skip
    seen = {
        name: book.activations[name][:, : len(steps)].astype(np.float64) for name in records.SEEN
    }
    return described(plan.members, head, records.UNITS, seen)
