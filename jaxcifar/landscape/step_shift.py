"""Covariate shift during training: by the very update that a step is about to take."""

from collections.abc import Callable
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar import models, optim, programs
from jaxcifar.core.types import Book, Images, Leaf, Numbers, Plan, Program, Stream, TrainState, Tree
from jaxcifar.landscape.covariate_shift import Seen, gradient_shift, places_in
from jaxcifar.landscape.moment import Moment
from jaxcifar.records import covariate_shift as records
from jaxcifar.records.formats import described


def blank(plan: Plan) -> dict[str, np.ndarray]:
    """Arrays (M, P, L) before anything is measured."""
    program = plan.phases[0].program
    shape = (len(plan.members), len(plan.events.shift), len(layers(program)))
    dtype = programs.param_dtype(program.dtype)
    return {name: np.full(shape, np.nan, dtype) for name in records.SEEN}


@cache
def layers(program: Program) -> tuple[str, ...]:
    """The layers of its network, in the order they run."""
    return models.layers(models.make_model(program.model, **dict(program.options)))


def measure(plan: Plan, at: Moment) -> dict[str, np.ndarray]:
    """What the update of earlier layers does to each layer's gradient, of every member.

    The update is that of the step which follows, whatever its optimizer: of plain SGD a step along
    the gradient by the learning rate. It costs a gradient for each layer; twice that under
    optimizers that look ahead.

    Returns: the fields of `Seen`, (M, L), NaN of members that are not alive.
    """
    span = programs.replicate(at.span, at.program)
    rates = programs.place(at.rates, at.program)
    found = make_probe(at.program)(at.state, at.numbers, rates, at.stream, at.data, span)
    return programs.host(found._asdict(), at.program)


@cache
def make_probe(program: Program) -> Callable[..., Seen]:
    """(state, numbers, rates (M,), stream, data, span) -> `Seen` of (M, L). Nothing is donated."""
    member = partial(_member_shift, parts=programs.bind(program), program=program)
    batched = (True, True, True, not program.shared_batch, False, False)
    return jax.jit(programs.over_members(member, program, batched))


def _member_shift(
    state: TrainState, numbers: Numbers, rate: Leaf, stream: Stream, data: Images,
    span: jax.Array, *, parts: programs.Parts, program: Program,
) -> Seen:  # fmt: skip
    step, _, row = span
    numbers = numbers._replace(augment=stream.augment)
    images, copy, _ = programs.images_at(stream, data, row, program.batch)
    batch = (images, step, stream.augment_seed, copy)
    of_step, _ = programs.loss_of_step(state.batch_stats, numbers, *batch, parts)

    def loss(params: Tree) -> jax.Array:
        return of_step(params)[0]

    def update(value: jax.Array, gradient: Tree) -> Tree:
        direction, _ = programs.direction_of_step(
            state, numbers, rate, value, gradient, jax.grad(loss), parts
        )
        return optim.apply_direction(state.params, direction, rate)

    seen = gradient_shift(loss, state.params, update, places_in(state.params, layers(program)))
    return jax.tree.map(lambda leaf: jnp.where(state.alive, leaf, jnp.nan), seen)


def table(plan: Plan, book: Book, taken: int) -> dict[str, np.ndarray]:
    """The arrays of covariate_shift.npz: the probes before each of the steps taken so far."""
    steps = [step for step in plan.events.shift if step < taken]
    head = {"layers": layers(plan.phases[0].program), "step": np.array(steps, np.int64)}
    seen = {name: book.shift[name][:, : len(steps)].astype(np.float64) for name in records.SEEN}
    holes = {name: np.where(np.isfinite(values), values, np.nan) for name, values in seen.items()}
    return described(plan.members, head, records.UNITS, holes)
