"""Histograms of a population's kernels, counted on the device at every evaluation."""

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar import models, programs
from jaxcifar.core.types import Book, Plan, Program, Tree
from jaxcifar.records.formats import described

N_BIN = 64
_AXES = "member, epoch, leaf"
UNITS = {
    "epochs": "epoch: epochs taken before each row; 0 = before training",
    "leaves": "leaf: path of a kernel among the parameters; all blocks of a loop are one",
    "counts": f"{_AXES}, bin: weights in each of {N_BIN} bins of equal width from low to high",
    "low": f"{_AXES}: smallest weight",
    "high": f"{_AXES}: largest weight",
    "mean": f"{_AXES}: mean of the weights",
    "std": f"{_AXES}: standard deviation of the weights",
}


def leaves(program: Program) -> tuple[str, ...]:
    """The names of a network's kernels, in the order of all arrays here."""
    return tuple(models.kernels(models.shapes(program.model, **dict(program.options))["params"]))


def blank(plan: Plan) -> dict[str, np.ndarray]:
    """Arrays (M, E + 1, L, ...) before anything is measured: one row more than evaluations."""
    n_leaf = len(leaves(plan.phases[0].program))
    shape = (len(plan.members), len(plan.events.evaluate) + 1, n_leaf)
    ranges = {name: np.full(shape, np.nan, np.float32) for name in ("low", "high", "mean", "std")}
    return {"counts": np.zeros((*shape, N_BIN), np.int32), **ranges}


def measure(program: Program, params: Tree) -> dict[str, np.ndarray]:
    """One row, (M, L, ...), of a population's parameters; only counts and ranges leave the device.

    A kernel of equal weights has them all in its first bin.
    """
    return programs.host(make_measure(program)(params), program)


@cache
def make_measure(program: Program) -> Callable[[Tree], dict[str, jax.Array]]:
    """(params) -> what `measure` gives, on the devices. Nothing is donated."""
    return jax.jit(programs.over_members(_member_histograms, program, (True,)))


def _member_histograms(params: Tree) -> dict[str, jax.Array]:
    rows = [_histogram(leaf) for leaf in models.kernels(params).values()]
    return {name: jnp.stack([row[name] for row in rows]) for name in rows[0]}


def _histogram(leaf: jax.Array) -> dict[str, jax.Array]:
    x = leaf.ravel().astype(jnp.float32)
    low, high, mean = x.min(), x.max(), x.mean()
    scale = jnp.where(high > low, N_BIN / (high - low), 0)
    places = jnp.clip(((x - low) * scale).astype(jnp.int32), 0, N_BIN - 1)
    # Adding integers has no order to depend on; a sum over bins takes 15 times as long on a CPU.
    counts = jnp.zeros(N_BIN, jnp.int32).at[places].add(1)
    std = jnp.sqrt(jnp.square(x - mean).mean())
    return {"counts": counts, "low": low, "high": high, "mean": mean, "std": std}


def table(plan: Plan, book: Book) -> dict[str, np.ndarray]:
    """The arrays of histograms.npz: the rows that a Book holds so far."""
    epochs = book.rows["epoch"][0]
    epochs = np.concatenate([[0.0], epochs[np.isfinite(epochs)]])
    # Sorted, as a restored Book is: the same bytes after any cut.
    seen = {name: values[:, : len(epochs)] for name, values in sorted(book.histograms.items())}
    head = {"epochs": epochs, "leaves": leaves(plan.phases[0].program)}
    return described(plan.members, head, UNITS, seen)
