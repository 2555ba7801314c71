"""Averages of one member's weights along its run: a plain mean (SWA) or a decaying one (EMA)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Tree = Any


class Average(NamedTuple):
    """Averaged parameters and, int32, how many weights went into them."""

    params: Tree
    n: Any


class AverageRow(NamedTuple):
    """A kind of average: its options with their defaults, and which of them are traced numbers."""

    options: Mapping[str, float]
    traced: tuple[str, ...] = ()


# swa: the weights at the ends of epochs, from epoch int(start * epochs) on (arXiv:1803.05407)
# ema: the weights after every step, beginning with the first weights of all
AVERAGES: Mapping[str, AverageRow] = {
    "none": AverageRow({}),
    "swa": AverageRow({"start": 0.75}),
    "ema": AverageRow({"decay": 0.999}, ("decay",)),
}


def extend(average: Average, params: Tree) -> Average:
    """The plain mean with one more: ``w_avg + (w - w_avg) / (n + 1)``; of the first, `params`."""
    first, share = average.n == 0, 1 / (average.n + 1)

    def add(mean: jax.Array, w: jax.Array) -> jax.Array:
        return jnp.where(first, w, mean + (w - mean) * share.astype(w.dtype))

    return Average(jax.tree.map(add, average.params, params), average.n + 1)


def decay(average: Average, params: Tree, decay: jax.Array) -> Average:
    """The decaying mean: ``decay * w_avg + (1 - decay) * w``; decay may be traced."""

    def add(mean: jax.Array, w: jax.Array) -> jax.Array:
        return (decay * mean + (1 - decay) * w).astype(w.dtype)

    return Average(jax.tree.map(add, average.params, params), average.n + 1)


def after_step(kind: str, average: Tree, params: Tree, numbers: Mapping[str, jax.Array]) -> Tree:
    """The average after an update to `params`; only `ema` follows single steps."""
    return decay(average, params, **numbers) if kind == "ema" else average
