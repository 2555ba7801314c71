"""Masks on normalised images: what is dropped becomes 0, the channels' mean."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar.augment.geometry import SIDE
from jaxcifar.core.errors import UserError


def block_mask(
    key: jax.Array, images: jax.Array, *,
    mask_size: tuple[int, ...], mask_rate: jax.Array, mask_kind: jax.Array,
) -> jax.Array:  # fmt: skip
    """Drop square blocks, each with the probability of the image's kind, all channels together.

    Args:
        key: one random key.
        images: (N, 32, 32, C), normalised.
        mask_size: the kinds' block sides in pixels, divisors of 32.
        mask_rate: (kinds,), the kinds' probabilities of dropping a block.
        mask_kind: (N,) int32, which kind each image has.
    """
    finest = min(mask_size)
    cells = SIDE // finest
    draws = jax.random.uniform(key, (images.shape[0] * cells * cells,), jnp.float32)
    sizes = jnp.asarray(mask_size)[mask_kind]
    keep = kept(draws.reshape(-1, cells, cells), sizes // finest, mask_rate[mask_kind])
    keep = keep.repeat(finest, axis=1).repeat(finest, axis=2)
    return jnp.where(keep[..., None], images, 0)


def kept(draws: jax.Array, blocks: jax.Array, rates: jax.Array) -> jax.Array:
    """Which cells stay: those whose block's draw exceeds the rate. (N, S, S) bool.

    Args:
        draws: (N, S, S), uniform on [0, 1); a block's first cell decides for all of it.
        blocks: (N,) int32, a block's side in cells.
        rates: (N,).
    """
    stay = draws > rates[:, None, None]
    cell, blocks = jnp.arange(draws.shape[1])[None], blocks[:, None]
    first = cell // blocks * blocks
    stay = jnp.take_along_axis(stay, first[:, :, None], axis=1, mode="promise_in_bounds")
    return jnp.take_along_axis(stay, first[:, None, :], axis=2, mode="promise_in_bounds")


def mask_kinds(options: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """`mask_size` and `mask_rate` with one entry for each kind; a single entry serves all.

    Raises: UserError: both have several entries, but not equally many.
    """
    sizes, rates = options["mask_size"], options["mask_rate"]
    if 1 not in (len(sizes), len(rates)) and len(sizes) != len(rates):
        raise UserError(
            f"data.mask_size={sizes} and data.mask_rate={rates} differ in length\n"
            "give one value for each kind of mask, or a single value for all kinds"
        )
    count = max(len(sizes), len(rates))
    sizes, rates = (values * (count // len(values)) for values in (sizes, rates))
    return {"mask_size": sizes, "mask_rate": rates}


def fixed_mask(key: jax.Array, images: jax.Array, *, mask_pattern: str) -> jax.Array:
    """Drop the same pixels of every image; the key is not used.

    Args:
        images: (N, 32, 32, C), normalised.
        mask_pattern: a row of `patterns`.
    """
    del key
    return jnp.where(jnp.asarray(patterns()[mask_pattern])[None, ..., None], 0, images)


def patterns() -> dict[str, np.ndarray]:
    """What each fixed mask drops, (32, 32) bool.

    ``edge8``: a border of 8 pixels; ``centre8``: all but that border; ``checker4``: 4 x 4 squares,
    the first one and every other; ``checker4_inverse``: the other squares.
    """
    place = np.arange(SIDE)
    found = {}
    for border in (8, 12):
        centre = (place >= border) & (place < SIDE - border)
        found[f"centre{border}"] = centre[:, None] & centre
        found[f"edge{border}"] = ~found[f"centre{border}"]
    for cells in (4, 8):
        square = place * cells // SIDE
        found[f"checker{cells}"] = (square[:, None] + square) % 2 == 0
        found[f"checker{cells}_inverse"] = ~found[f"checker{cells}"]
    return found
