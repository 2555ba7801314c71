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
    """The plain mean of the weights with one more."""
    return Average(mean_of(average.params, params, average.n), average.n + 1)


def mean_of(mean: Tree, new: Tree, n: jax.Array) -> Tree:
    """The mean of n + 1 trees from that of n: ``mean + (new - mean) / (n + 1)``; of 1, `new`."""

    def add(old: jax.Array, leaf: jax.Array) -> jax.Array:
        return jnp.where(n == 0, leaf, old + (leaf - old) / (n + 1).astype(leaf.dtype))

    return jax.tree.map(add, mean, new)


def decay(average: Average, params: Tree, decay: jax.Array) -> Average:
    """The decaying mean: ``decay * w_avg + (1 - decay) * w``; decay may be traced."""

    def add(mean: jax.Array, w: jax.Array) -> jax.Array:
        return (decay * mean + (1 - decay) * w).astype(w.dtype)

    return Average(jax.tree.map(add, average.params, params), average.n + 1)


def after_step(kind: str, average: Tree, params: Tree, numbers: Mapping[str, jax.Array]) -> Tree:
    """The average after an update to `params`; only `ema` follows single steps."""
    return decay(average, params, **numbers) if kind == "ema" else average
