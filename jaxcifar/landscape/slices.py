"""The loss over a plane and along a line of weights: `surface` and `line`."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxcifar.core.errors import UserError
from jaxcifar.core.files import given
from jaxcifar.core.types import Tree
from jaxcifar.evaluation import trained
from jaxcifar.landscape import directions, points
from jaxcifar.landscape.objective import Objective, of_member, require_finite
from jaxcifar.landscape.points import Plane, grid
from jaxcifar.records import landscapes
from jaxcifar.records.landscapes import Landscape

RESOLUTION, INTERPOLATION = 51, 401
"""Points along an axis of directions, and along the line between two solutions."""


def surface(
    target: Objective | Path | str, member: str | None = None, *, resolution: int = RESOLUTION,
    span: float = 1.0, normalise: str = "filter", seed: int = 0,
    directions_from: Path | str | None = None, save_directions: Path | str | None = None,
    lane: str | None = None, out: Path | str | None = None, **of: Any,
) -> Landscape:  # fmt: skip
    """The loss over the plane of two directions through weights (after arXiv:1712.09913).

    Args:
        target: a run folder, or an objective (`of_loss`, `of_member`).
        member: whose weights of the run folder.
        resolution: points along each axis.
        span: the axes go from -span to span; 1 = as far as the weights' own length.
        normalise: how directions are scaled to the weights, see `directions.normalised`.
        seed: of the directions; networks that share kernels share their draws.
        directions_from: a file of directions, instead of drawing them.
        save_directions: where to write the directions, before they are scaled.
        lane: "map" or "vmap", see `points.look`.
        out: a folder for the record, with which an interrupted call goes on; None = the run
            folder's ``landscape``, or none for an objective.
        of: what else `of_member` takes: which, split, subset, batch, mode, data_dir.

    Returns: the loss (R, R) in nats and, of a member, the accuracy; ``loss[i, j]`` lies at
        ``a[i]`` of the first direction and ``b[j]`` of the second. What is not finite is NaN.

    Raises: UserError: as `of_member`; a resolution below 2, a span that is no number above 0, an
        unknown normalisation, directions of another network.

    >>> found = landscape.surface("runs/mine", "lr=0.001", resolution=25)
    >>> found.loss[12, 12]  # of the weights themselves
    """
    objective, out = objective_of(target, member, out, of)
    axis = grid(resolution, -_positive(span), span)
    chosen = (normalise, seed, directions_from, save_directions)
    plane = Plane(_directions(objective, 2, *chosen), (axis, axis))
    about = _about(objective, axis, normalise, seed, directions_from)
    about["cosine"] = directions.cosine(*plane.directions)
    empty = Landscape("surface", axis, axis, axis, None, about)
    return points.look(objective, plane, empty, lane=lane, out=out)


def line(
    target: Objective | Path | str, member: str | None = None, *, to: Tree | None = None,
    to_member: str | None = None, to_which: str | None = None, resolution: int | None = None,
    low: float | None = None, high: float | None = None, normalise: str = "filter", seed: int = 0,
    directions_from: Path | str | None = None, save_directions: Path | str | None = None,
    lane: str | None = None, out: Path | str | None = None, **of: Any,
) -> Landscape:  # fmt: skip
    """The loss along a direction through weights, or between them and others.

    Between two members or checkpoints, BatchNorm's running statistics move with the weights.

    Args:
        target, member: as of `surface`.
        to: other weights, a tree like the objective's own: 0 is at its own, 1 at these.
        to_member: another member of the run folder, instead of `to`.
        to_which: other weights of the member, or the kind of weights of `to_member`.
        resolution: points; None = 51 along a direction, 401 between two solutions.
        low, high: ends of the axis; None = -1 and 1, or -0.5 and 1.5 between two solutions.
        normalise, seed, directions_from, save_directions: of a direction, as of `surface`.
        lane, out, of: as of `surface`.

    Returns: the loss (R,) in nats and, of a member, the accuracy. What is not finite is NaN.

    Raises: UserError: as `surface`; the other weights are of another network.

    >>> found = line("runs/mine", "norm=batch,lr=0.001", to_member="norm=batch,lr=0.01")
    """
    between = not (to is None and to_member is None and to_which is None)
    objective, out = objective_of(target, member, out, of, whole=between and to is None)
    count, *ends = (INTERPOLATION, -0.5, 1.5) if between else (RESOLUTION, -1.0, 1.0)
    axis = grid(count if resolution is None else resolution,
                ends[0] if low is None else low, ends[1] if high is None else high)  # fmt: skip
    if between:
        other, name = _other(target, member, to, to_member, to_which, of)
        plane = Plane((directions.between(objective.params, other),), (axis,))
        kind, about = "interpolation", {**_about(objective, axis), "to": name}
    else:
        chosen = (normalise, seed, directions_from, save_directions)
        plane = Plane(_directions(objective, 1, *chosen), (axis,))
        kind, about = "line", _about(objective, axis, normalise, seed, directions_from)
    empty = Landscape(kind, axis, None, axis, None, about)
    return points.look(objective, plane, empty, lane=lane, out=out)


def objective_of(
    target: Objective | Path | str, member: str | None, out: Path | str | None,
    of: Mapping[str, Any], whole: bool = False,
) -> tuple[Objective, Path | None]:  # fmt: skip
    """What a landscape is of, and where its record goes.

    Raises: UserError: a run folder without a member, an objective with one; as `of_member`.
    """
    place = None if out is None else given(out)
    if isinstance(target, Objective):
        if extra := [name for name in ("member", *of) if name != "member" or member is not None]:
            raise UserError(
                f"an objective takes no {', '.join(extra)}\nleave it out: it holds weights and data"
            )
        require_finite(target.params, str(target.about["name"]))
        return target, place
    if member is None:
        raise UserError("whose landscape?\ngive a member of the run folder")
    objective = of_member(target, member, with_statistics=whole, **of)
    return objective, given(target) / landscapes.FOLDER if place is None else place


def _positive(span: float) -> float:
    if not (isinstance(span, float | int) and math.isfinite(span) and span > 0):
        raise UserError(f"a span of {span!r}\nallowed: a number above 0")
    return float(span)


def _directions(
    objective: Objective, count: int, normalise: str, seed: int,
    directions_from: Path | str | None, save_to: Path | str | None,
) -> tuple[Tree, ...]:  # fmt: skip
    params, stacked = objective.params, objective.stacked
    if type(seed) is not int or not 0 <= seed < 2**31:
        raise UserError(f"a seed of {seed!r}\nallowed: whole numbers from 0, below 2**31")
    raw = (
        [directions.draw(params, seed, index, stacked) for index in range(count)]
        if directions_from is None
        else directions.load(given(directions_from), params, count, stacked)
    )
    if save_to is not None:
        directions.save(given(save_to), raw, {"seed": seed, "of": objective.about["name"]})
    return tuple(directions.normalised(each, params, normalise, stacked) for each in raw)


def _about(
    objective: Objective, axis: np.ndarray, normalise: str | None = None, seed: int = 0,
    directions_from: Path | str | None = None,
) -> dict[str, Any]:  # fmt: skip
    asked: dict[str, Any] = {
        "resolution": len(axis),
        "low": float(axis[0]),
        "high": float(axis[-1]),
    }
    if normalise is not None:
        file = None if directions_from is None else Path(directions_from).name
        asked |= {"normalise": normalise} | (
            {"seed": seed} if file is None else {"directions": file}
        )
    return {**objective.about, **asked}


def _other(
    target: Objective | Path | str, member: str | None, to: Tree | None, to_member: str | None,
    to_which: str | None, of: Mapping[str, Any],
) -> tuple[Tree, str]:  # fmt: skip
    """The weights at the other end, and what to call them."""
    if to is not None:
        if to_member is not None or to_which is not None:
            raise UserError("to, and to_member or to_which, are given\ngive one of the two")
        require_finite(to, "the other end")
        return to, "other weights"
    if isinstance(target, Objective) or member is None:
        raise UserError("an objective has no other members\ngive the other weights by `to`")
    there = member if to_member is None else to_member
    which = str(of.get("which", "best")) if to_which is None else to_which
    if (there, which) == (member, of.get("which", "best")):
        raise UserError(
            f"a line from {member!r} ({which}) to itself\n"
            "give another member or other weights: --to-member, --to"
        )
    weights: Any = trained.restore(target, there, which).of(there)
    return {name: weights[name] for name in ("params", "batch_stats")}, f"{there} ({which})"
