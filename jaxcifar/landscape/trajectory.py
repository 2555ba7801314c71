"""The path of training in the plane of its principal directions, and the loss over that plane."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar.checkpoints import snapshots, trained_weights
from jaxcifar.core.errors import UserError
from jaxcifar.core.files import given
from jaxcifar.core.types import Tree
from jaxcifar.core.wording import listed, plural
from jaxcifar.evaluation import trained
from jaxcifar.landscape import directions, points
from jaxcifar.landscape.objective import Objective
from jaxcifar.landscape.points import Plane, grid
from jaxcifar.landscape.slices import RESOLUTION, objective_of
from jaxcifar.records.landscapes import Landscape

FEWEST = 3  # points of a path that span a plane
MARGIN = 0.2  # of the path's extent, beyond it on each side


class Principal(NamedTuple):
    """The plane in which weights along a path vary most."""

    directions: tuple[Tree, Tree]  # of length 1, at right angles
    path: np.ndarray  # (n, 2) float64, seen from the origin
    explained: np.ndarray  # (2,) shares of the variance about the path's mean


def principal_plane(origin: Tree, weights: Sequence[Tree]) -> Principal:
    """The first two principal components of ``weights - origin`` (n trees), as NumPy would say.

    Worked out from the (n, n) inner products in float64, so that no matrix of all weights is made.
    A component's sign is such that the first of the weights has a coordinate of at least 0.

    Raises: UserError: fewer than three, of another network, or all on one line or at one point.
    """
    if len(weights) < FEWEST:
        raise UserError(
            f"a path of {plural(len(weights), 'checkpoint')}\nallowed: {FEWEST} or more; keep more "
            "with --config.checkpoint.keep_every='1 epoch'"
        )
    moves = [_flat(directions.between(origin, each)) for each in weights]
    products = np.array([[_inner(left, right) for right in moves] for left in moves])
    centring = np.eye(len(moves)) - 1 / len(moves)
    values, vectors = np.linalg.eigh(centring @ products @ centring)
    values, vectors = values[::-1].clip(0), vectors[:, ::-1]
    if not values[1] > 1e-12 * max(values[0], np.finfo(float).tiny):
        raise UserError("the weights along the path span no plane\ngive checkpoints that differ")
    shares = vectors[:, :2] / np.sqrt(values[:2])  # of each move in a direction of length 1
    path = products @ shares
    signs = np.where(path[0] >= 0, 1.0, -1.0)
    found = (sum(share * move for share, move in zip(column, moves, strict=True))
             for column in (shares * signs).T)  # fmt: skip
    first, second = (_like(origin, axis) for axis in found)
    return Principal((first, second), path * signs, values[:2] / values.sum())


def _inner(left: np.ndarray, right: np.ndarray) -> float:
    return float(left.astype(np.float64) @ right.astype(np.float64))


def _flat(tree: Tree) -> np.ndarray:
    return np.concatenate([np.asarray(leaf).ravel() for leaf in jax.tree.leaves(tree)])


def _like(tree: Tree, flat: np.ndarray) -> Tree:
    leaves, structure = jax.tree.flatten(tree)
    ends = np.cumsum([np.size(leaf) for leaf in leaves])[:-1]
    parts = zip(np.split(flat, ends), leaves, strict=True)
    return jax.tree.unflatten(
        structure, [jnp.asarray(part.reshape(np.shape(w)), w.dtype) for part, w in parts]
    )


def trajectory(
    target: Objective | Path | str, member: str | None = None, *,
    weights: Sequence[Tree] | None = None, resolution: int = RESOLUTION, margin: float = MARGIN,
    lane: str | None = None, out: Path | str | None = None, **of: Any,
) -> Landscape:  # fmt: skip
    """The loss over the plane in which training moved most, and the path in it.

    The plane goes through the member's weights (the last of the run unless `which` says others)
    along the first two principal components of its kept checkpoints. BatchNorm's running
    statistics are everywhere those of these weights in mode "eval".

    Args:
        target, member: as of `surface`.
        weights: of an objective, the points of the path, trees like its own.
        resolution: points along each axis.
        margin: how far the plane goes beyond the path on each side, as a share of its extent.
        lane, out, of: as of `surface`.

    Returns: the loss (R, R) over axes in units of distance between weights; ``path`` (n, 2) with
        its ``steps``, and the share of the path's variance that each direction ``explained``.

    Raises: UserError: as `surface`; fewer than three checkpoints, or none that differ.

    >>> found = trajectory("runs/mine", "norm=batch,lr=0.001")
    """
    alone = isinstance(target, Objective)
    objective, place = objective_of(target, member, out, of if alone else {"which": "last", **of})
    if isinstance(target, Objective):
        trees, steps = list(weights or ()), np.arange(len(weights or ()))
    elif weights is not None:
        raise UserError("weights are of an objective\na run folder keeps its own: leave them out")
    else:
        trees, steps = _kept(target, str(member))
    if not 0 <= margin < 100:
        raise UserError(f"a margin of {margin!r}\nallowed: from 0, as a share of the path's extent")
    found = principal_plane(objective.params, trees)
    axes = tuple(_around(found.path[:, k], margin, resolution) for k in range(2))
    empty = Landscape(
        "trajectory", axes[0], axes[1], axes[0], None,
        {**objective.about, "resolution": resolution, "margin": margin},
        path=found.path, steps=steps, explained=found.explained,
    )  # fmt: skip
    plane, asked = Plane(found.directions, axes), {"steps": steps.tolist()}
    return points.look(objective, plane, empty, asked=asked, lane=lane, out=place)


def _around(places: np.ndarray, margin: float, resolution: int) -> np.ndarray:
    """An axis that holds all of these, and the origin."""
    low, high = min(0.0, places.min()), max(0.0, places.max())
    room = margin * (high - low)
    return grid(resolution, low - room, high + room)


def _kept(workdir: Path | str, member: str) -> tuple[list[Tree], np.ndarray]:
    """The parameters at every checkpoint that is there, and the steps taken, in order."""
    group, _ = trained_weights.group_of(given(workdir), member)
    steps = list(snapshots.sealed_steps(group.path / "checkpoints"))
    if len(steps) < FEWEST:
        raise UserError(
            f"member {member!r} has {plural(len(steps), 'checkpoint')} "
            f"({listed([str(step) for step in steps]) or 'none'})\n"
            f"a path needs {FEWEST} or more: train with --config.checkpoint.keep_every='1 epoch'"
        )
    found = [trained.restore(workdir, member, f"step:{step}").of(member) for step in steps]
    return [each["params"] for each in found], np.array(steps)
