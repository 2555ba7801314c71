"""The loss at many points of a line or a plane: many in one program, recorded as they come."""

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar.core import hardware, kill_points
from jaxcifar.core.errors import UserError, unknown
from jaxcifar.core.types import Tree
from jaxcifar.landscape.objective import Objective
from jaxcifar.landscape.progress import in_turn, watched
from jaxcifar.planning.backward_memory import size
from jaxcifar.records import landscapes
from jaxcifar.records.landscapes import Landscape

LANES = ("map", "vmap")
AT_ONCE = 20_000  # most examples that one call looks at, so that little is lost by a kill
SHARE = 0.5  # of the device's memory that points side by side may take


class Plane(NamedTuple):
    """Directions from an objective's weights, and the coordinates to look at."""

    directions: tuple[Tree, ...]  # one for a line, two for a plane
    axes: tuple[np.ndarray, ...]  # (A,), or (A,) and (B,), float64


def grid(resolution: int, low: float = -1.0, high: float = 1.0) -> np.ndarray:
    """(R,) float64 evenly spaced coordinates, both ends in; 0 is exactly 0 where it is one of them.

    Raises: UserError: fewer than two points, or ends that are no finite numbers in order.
    """
    if type(resolution) is not int or resolution < 2:
        raise UserError(f"a resolution of {resolution!r}\nallowed: 2 or more points along an axis")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(f"an axis from {low} to {high}\nallowed: finite numbers, the smaller first")
    found = np.linspace(low, high, resolution)
    return np.where(np.abs(found) < 1e-12 * (high - low), 0.0, found)


def look(
    objective: Objective, plane: Plane, empty: Landscape, *, asked: Mapping[str, Any] | None = None,
    lane: str | None = None, out: Path | None = None,
) -> Landscape:  # fmt: skip
    """The loss at every point of a plane, those that `out` already holds as they are there.

    A point that is not finite is NaN. Sums over batches are taken in float64, in their order.

    Args:
        objective: whose.
        plane: where.
        empty: what else the landscape holds; its loss is not looked at.
        asked: what else decides the numbers, for the record.
        lane: "map" = a point after another inside the program, "vmap" = as many side by side as
            the memory has room for; None = "map" on a CPU or for large batches, see `lane_for`.
        out: a folder for the record, an .npz file named by what was asked; None = none is written.
    """
    lane = lane_for(objective) if lane is None else lane
    if lane not in LANES:
        raise unknown("lane", lane, LANES)
    total = math.prod(map(len, plane.axes))
    chunk = min(points_at_once(objective, lane), total)
    where = {"directions": digest(plane.directions), "axes": digest(plane.axes)}
    identity = identify(objective, {**(asked or {}), **where, "lane": lane, "chunk": chunk})
    path = None if out is None else out / landscapes.file_name(empty)
    return _fill(objective, plane, empty, identity, lane, chunk, path)


def _fill(
    objective: Objective, plane: Plane, empty: Landscape, identity: Mapping[str, Any], lane: str,
    chunk: int, path: Path | None,
) -> Landscape:  # fmt: skip
    shape = tuple(map(len, plane.axes))
    coordinates = np.stack([axis.ravel() for axis in np.meshgrid(*plane.axes, indexing="ij")], 1)
    loss, accuracy = (np.full(shape, np.nan) for _ in range(2))
    done = np.zeros(shape, bool)
    if path is not None and path.exists():
        before, asked, already = landscapes.read(path)
        if asked == identity and before.loss.shape == shape:
            loss, done = before.loss, already
            accuracy = accuracy if before.accuracy is None else before.accuracy
    counted = objective.totals is not None

    def found() -> Landscape:
        return empty._replace(loss=loss, accuracy=accuracy if counted else None)

    left = np.flatnonzero(~done.ravel())
    starts = range(0, len(left), chunk)
    if not len(left):
        return found()
    run = _compiled(objective, plane, chunk, lane)

    def look_at(start: int) -> tuple[np.ndarray, Any]:
        rows = left[start : start + chunk]
        filled = np.resize(rows, chunk)  # one program, whatever is left
        return rows, jax.device_get(run(coordinates[filled].astype(np.float32)))

    parts = watched(in_turn(look_at, starts, calls_at_once(lane)), -(-done.size // chunk),
                    str(empty.about["name"]), done=-(-int(done.sum()) // chunk))  # fmt: skip
    for rows, sums in parts:
        loss.ravel()[rows], accuracy.ravel()[rows] = _means(sums, objective, len(rows))
        done.ravel()[rows] = True
        if path is not None:
            landscapes.write(path, found(), identity, done)
        kill_points.reach("points")
    return found()


def _compiled(
    objective: Objective, plane: Plane, chunk: int, lane: str
) -> Callable[[np.ndarray], Any]:
    """(coordinates (chunk, D)) -> `_points`: compiled once and here, under this thread's switches.

    All else lies on the device, so that what other threads call depends on none of theirs.
    """
    measure = objective.totals or objective.loss
    *fixed, batches = jax.device_put(
        (measure, objective.params, plane.directions, objective.batches)
    )
    shape = jax.ShapeDtypeStruct((chunk, len(plane.directions)), np.float32)
    run = _points.lower(*fixed, shape, batches, lane=lane).compile()
    return lambda coordinates: run(*fixed, coordinates, batches)


def _means(sums: Any, objective: Objective, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean loss and accuracy (rows,) of the first points, NaN where the loss is not finite."""
    n = objective.counts.sum()
    if objective.totals is None:
        loss = (np.asarray(sums, np.float64)[:rows] * objective.counts).sum(axis=1) / n
        return np.where(np.isfinite(loss), loss, np.nan), np.full(rows, np.nan)
    loss = np.asarray(sums.loss, np.float64)[:rows].sum(axis=1) / n
    accuracy = np.asarray(sums.correct, np.int64)[:rows].sum(axis=1) / n
    finite = np.isfinite(loss)
    return np.where(finite, loss, np.nan), np.where(finite, accuracy, np.nan)


@partial(jax.jit, static_argnames="lane")
def _points(
    measure: Callable[[Tree, Any], Any], origin: Tree, directions: tuple[Tree, ...],
    coordinates: jax.Array, batches: Any, *, lane: str,
) -> Any:  # fmt: skip
    """What `measure` says of each batch at each of the points (P, D): leaves (P, K, ...)."""

    def point(at: jax.Array) -> Any:
        weights = moved(origin, directions, at)
        return jax.lax.map(partial(measure, weights), batches)

    return jax.vmap(point)(coordinates) if lane == "vmap" else jax.lax.map(point, coordinates)


def moved(origin: Tree, directions: Sequence[Tree], at: Any) -> Tree:
    """``origin + at[0] * directions[0] + ...``; nothing moves along a coordinate of 0."""

    def leaf(w: Any, *ds: Any) -> Any:
        for place, d in enumerate(ds):
            w = w + jnp.asarray(at[place], d.dtype) * d
        return w

    return jax.tree.map(leaf, origin, *directions)


def lane_for(objective: Objective) -> str:
    """The lane where nobody names one: side by side only off the CPU, and of small batches.

    A device that a single point keeps busy gains nothing from others beside it, and a convolution
    with weights for each is slower than one after another.
    """
    examples = objective.counts.max()
    return "map" if jax.default_backend() == "cpu" or examples >= 64 else "vmap"


def calls_at_once(lane: str) -> int:
    """How many calls are worked on at a time: on a CPU one leaves cores idle that another can use.

    VGG-A at width 0.25 keeps 1.5 of 2 cores busy; two calls together take 0.67 of the time.
    """
    return 2 if jax.default_backend() == "cpu" and lane == "map" else 1


def points_at_once(objective: Objective, lane: str) -> int:
    """How many points one call looks at: as many as the memory has room for, side by side."""
    most = max(1, AT_ONCE // max(objective.examples, 1))
    if lane == "map":
        return most
    measure = objective.totals or objective.loss
    batch = jax.tree.map(lambda leaf: leaf[0], objective.batches)
    traced = jax.make_jaxpr(measure)(objective.params, batch)
    largest = max((size(v.aval) for line in traced.jaxpr.eqns for v in line.outvars), default=0)
    one = size(objective.params) + 3 * largest
    return max(1, min(most, int(SHARE * hardware.limit()) // max(one, 1)))


def identify(objective: Objective, more: Mapping[str, Any]) -> dict[str, Any]:
    """All that decides numbers: of what, what else was asked (`more`), what it is computed on."""
    return {
        **objective.about, **more, **hardware.hardware()._asdict(), "jax": jax.__version__,
        "weights": digest(objective.params), "loss": loss_digest(objective),
        "batches": digest((objective.batches, objective.counts)),
    }  # fmt: skip


def loss_digest(objective: Objective) -> str:
    """A short name of what the loss computes: a member's run knows it, others are traced."""
    fixed = jax.tree.leaves(objective.loss)
    if "identity" in objective.about:
        return digest(fixed)
    batch = jax.tree.map(lambda leaf: leaf[0], objective.batches)
    traced = jax.make_jaxpr(objective.loss)(objective.params, batch)
    text = re.sub(r"0x[0-9a-f]+", "", str(traced.jaxpr))  # addresses differ between processes
    return digest([fixed, traced.consts, np.frombuffer(text.encode(), np.uint8)])


def digest(tree: Tree) -> str:
    """A short name of the bytes of a pytree's arrays and of its structure."""
    found = hashlib.sha256(str(jax.tree.structure(tree)).encode())
    for leaf in jax.tree.leaves(tree):
        random = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        array = np.ascontiguousarray(jax.random.key_data(leaf) if random else leaf)
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(array.tobytes())
    return found.hexdigest()[:16]
