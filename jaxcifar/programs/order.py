"""Which image is seen at which step."""

from collections.abc import Callable
from functools import cache, lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.core.types import Images, Phase, Stream
from jaxcifar.programs import mesh


def stream_of(phase: Phase, epoch: int) -> Stream:
    """Which images every member sees in one epoch."""
    program, numbers = phase.program, phase.numbers
    seeds = tuple(np.asarray(numbers.order_seed).tolist())
    order = make_order(phase.visits)
    if program.shared_batch:
        own = jax.tree.map(lambda leaf: leaf[0], (numbers.augment_seed, numbers.augment))
        return mesh.replicate(Stream(order(seeds[:1], epoch)[0], *own), program)
    stream = Stream(order(seeds, epoch), numbers.augment_seed, numbers.augment)
    return mesh.place(stream, program)


@cache
def make_order(n: int) -> Callable[[tuple[int, ...], int], jax.Array]:
    """(seeds, epoch) -> (len(seeds), n) int32: each seed's permutation of n images in that epoch.

    The last two answers are kept: an epoch has many segments, and 50,000 rows cost 25 ms on a CPU.
    """

    def order(seed: jax.Array, epoch: jax.Array) -> jax.Array:
        key = key_at(seed, Purpose.ORDER, epoch)
        return jax.random.permutation(key, n).astype(jnp.int32)

    compiled = jax.jit(jax.vmap(order, in_axes=(0, None)))
    return lru_cache(maxsize=2)(lambda seeds, epoch: compiled(np.array(seeds, np.int32), epoch))


def fingerprint(rows: jax.Array) -> jax.Array:
    """A uint32 that tells which images, in which order, made a batch (Knuth's multiplier)."""
    place_value = 2 * jnp.arange(rows.shape[0], dtype=jnp.uint32) + 1
    return ((rows.astype(jnp.uint32) + 1) * jnp.uint32(2654435761) * place_value).sum(
        dtype=jnp.uint32
    )


def images_at(
    stream: Stream, data: Images, place: jax.Array, batch: int
) -> tuple[Images, jax.Array, jax.Array]:
    """The batch at a place of an epoch's order: its images, their copies, and the visits."""
    visits = jax.lax.dynamic_slice(stream.order, (place,), (batch,))
    copy, rows = jnp.divmod(visits, data.labels.shape[0])
    return Images(data.images[rows], data.labels[rows]), copy, visits


@jax.jit
def take(data: Images, rows: jax.Array) -> Images:
    """The images and labels at `rows`."""
    return jax.tree.map(lambda leaf: leaf[rows], data)
