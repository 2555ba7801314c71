"""The compiled segment: many steps of a whole population in one call."""

from collections.abc import Callable
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar.core.types import Images, Numbers, Program, Stream, TrainState
from jaxcifar.programs.mesh import over_members
from jaxcifar.programs.order import fingerprint, images_at
from jaxcifar.programs.parts import Parts, bind_split, record_dtypes
from jaxcifar.programs.train_step import train_step


def _member_segment(
    state: TrainState, numbers: Numbers, rates: jax.Array, stream: Stream, data: Images,
    span: jax.Array, *, parts: Parts, batch: int,
) -> tuple[TrainState, dict[str, jax.Array]]:  # fmt: skip
    first, stop, row = span
    numbers = numbers._replace(augment=stream.augment)
    fields = record_dtypes(parts) | {"examples": "uint32"}
    empty = {name: jnp.zeros(rates.shape, dtype) for name, dtype in fields.items()}
    one_step = jax.jit(partial(train_step, parts=parts))  # `vmap` visits a loop repeatedly

    def body(step: jax.Array, carry: tuple[TrainState, dict]) -> tuple[TrainState, dict]:
        state, records = carry
        at = step - first
        images, copy, visits = images_at(stream, data, row + at * batch, batch)
        state, record = one_step(state, numbers, rates[at], images, step, stream.augment_seed, copy)
        record["examples"] = fingerprint(visits)
        return state, {name: records[name].at[at].set(record[name]) for name in fields}

    return jax.lax.fori_loop(first, stop, body, (state, empty))


@cache
def make_segment(
    program: Program,
) -> Callable[..., tuple[TrainState, dict[str, jax.Array]]]:
    """(state, numbers, rates (M, segment), stream, data, span) -> (state, records (M, segment)).

    span: int32 (3,): first step, stop step (exclusive), and the first step's place in the epoch's
    order. Both ends are traced: any cut of the steps into segments gives the same bits. The state
    is donated. Records beyond the last step taken are zero.
    """
    member = partial(_member_segment, parts=bind_split(program), batch=program.batch)
    batched = (True, True, True, not program.shared_batch, False, False)
    return jax.jit(over_members(member, program, batched), donate_argnums=0)


def span(first: int, stop: int, row: int) -> np.ndarray:
    """The `span` argument of a segment."""
    return np.array([first, stop, row], np.int32)
