"""Directions in the space of weights: drawn, normalised, between two points, saved and loaded."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar.core.errors import UserError, unknown
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.core.types import Tree
from jaxcifar.records import landscapes

EPSILON = 1e-10  # beside the norms that are divided by, as in the published tool

Norm = Callable[[jax.Array], jax.Array]  # of a direction or of weights, over a filter or a layer
NORMALISATIONS: Mapping[str, tuple[str, Callable[[jax.Array, jax.Array, Norm], jax.Array]]] = {
    "filter": ("filter", lambda d, w, norm: d * (norm(w) / (norm(d) + EPSILON))),
    "layer": ("layer", lambda d, w, norm: d * (norm(w) / (norm(d) + EPSILON))),
    "weight": ("layer", lambda d, w, norm: d * w),
    "unit-filter": ("filter", lambda d, w, norm: d / (norm(d) + EPSILON)),
    "unit-layer": ("layer", lambda d, w, norm: d / (norm(d) + EPSILON)),
    "none": ("layer", lambda d, w, norm: d),
}
"""How a direction d is scaled by the weights w, kernel by kernel: over what a norm is taken."""


def named_leaves(tree: Tree) -> dict[str, Any]:
    """The arrays of a pytree by their paths, such as "conv1/kernel", in the tree's order."""
    found = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in found}


def _axes(name: str, leaf: Any, stacked: Sequence[str]) -> int:
    """How many axes an array has in one block: those of a loop have one more."""
    return np.ndim(leaf) - (name.split("/")[0] in stacked)


def draw(params: Tree, seed: int, index: int = 0, stacked: Sequence[str] = ()) -> dict[str, Any]:
    """Independent N(0, 1) for every kernel: every array with two axes or more, by its path.

    A kernel's draw follows from the seed, `index` and its path alone: networks that share kernels,
    such as one with and one without BatchNorm, share their directions.

    Args:
        params: floats, without a member axis.
        seed: 0 or more.
        index: which of several independent directions.
        stacked: top-level modules whose arrays have a leading axis of blocks.
    """
    key = key_at(seed, Purpose.DIRECTION, index)

    def normal(name: str, leaf: Any) -> np.ndarray:
        own = jax.random.fold_in(key, np.uint32(zlib.crc32(name.encode())))
        return np.asarray(jax.random.normal(own, leaf.shape, leaf.dtype))

    kernels = {k: v for k, v in named_leaves(params).items() if _axes(k, v, stacked) > 1}
    return {name: normal(name, leaf) for name, leaf in kernels.items()}


def normalised(
    direction: Mapping[str, Any], params: Tree, how: str = "filter", stacked: Sequence[str] = ()
) -> Tree:
    """A direction as a tree like `params`, scaled to its weights.

    Arrays with at most one axis in a block (biases, BatchNorm's scale and bias) get 0, unless `how`
    is "none", as do those that the direction does not have. A filter is what makes one output: the
    last axis of a kernel counts filters.

    Args:
        direction: by path, see `draw`.
        params: the weights.
        how: "filter" (every filter of the direction as long as that of the weights), "layer" (every
            kernel), "weight" (times the weights), "unit-filter" and "unit-layer" (of length 1), or
            "none" (as it is).
        stacked: as of `draw`.

    Raises: UserError: `how` is none of these.
    """
    if how not in NORMALISATIONS:
        raise unknown("normalisation", str(how), NORMALISATIONS)
    over, scale = NORMALISATIONS[how]

    def scaled(name: str, leaf: Any) -> jax.Array:
        w = jnp.asarray(leaf)
        axes = _axes(name, w, stacked)
        if name not in direction or (axes <= 1 and how != "none"):
            return jnp.zeros_like(w)
        first = np.ndim(w) - axes
        within = tuple(range(first, np.ndim(w) - (over == "filter")))

        def norm(x: jax.Array) -> jax.Array:
            return jnp.sqrt(jnp.square(x).sum(within, keepdims=True))

        return scale(jnp.asarray(direction[name]).astype(w.dtype), w, norm)

    leaves = [scaled(name, leaf) for name, leaf in named_leaves(params).items()]
    return jax.tree.unflatten(jax.tree.structure(params), leaves)


def between(first: Tree, second: Tree) -> Tree:
    """``second - first``. Raises: UserError: they are weights of two networks."""
    here, there = named_leaves(first), named_leaves(second)
    require_same(
        {name: np.shape(leaf) for name, leaf in there.items()},
        {name: np.shape(leaf) for name, leaf in here.items()},
        "the weights to go to are",
    )
    leaves = [jnp.asarray(there[name]) - jnp.asarray(leaf) for name, leaf in here.items()]
    return jax.tree.unflatten(jax.tree.structure(first), leaves)


def cosine(one: Tree, other: Tree) -> float:
    """The cosine of the angle between two directions, NaN where one has no length."""
    left, right = (
        np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(tree)])
        for tree in (one, other)
    )
    lengths = np.linalg.norm(left) * np.linalg.norm(right)
    return float(left @ right / lengths) if lengths > 0 else float("nan")


def save(path: Path, directions: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    """Write directions, arrays by path, as an .npz file that tells of itself."""
    landscapes.write_directions(path, directions, about)


def load(path: Path, params: Tree, count: int, stacked: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The first `count` directions of a file, for a network with such kernels.

    Raises: UserError: no such file, fewer directions, or those of another network.
    """
    found = landscapes.read_directions(path)
    if len(found) < count:
        raise UserError(
            f"{path} holds {len(found)} direction(s), {count} are needed\n"
            "give a file that was saved of such an analysis"
        )
    here = {name: np.shape(leaf) for name, leaf in named_leaves(params).items()}
    kernels = {k: v for k, v in named_leaves(params).items() if _axes(k, v, stacked) > 1}
    for direction in found[:count]:
        there = {name: np.shape(leaf) for name, leaf in direction.items()}
        wanted = {name: here[name] for name in here if name in kernels or name in there}
        require_same(there, wanted, f"{path} is")
    return found[:count]


def require_same(
    there: Mapping[str, tuple[int, ...]], here: Mapping[str, tuple[int, ...]], what: str
) -> None:
    """Make sure that arrays have the same names and shapes. Raises: UserError."""
    for name in dict.fromkeys([*here, *there]):
        if there.get(name) != here.get(name):
            sizes = [str(shapes.get(name, "missing")) for shapes in (there, here)]
            raise UserError(
                f"{what} of another network: {name} is {sizes[0]} there and {sizes[1]} here\n"
                "give weights or directions of a network with the same kernels"
            )
