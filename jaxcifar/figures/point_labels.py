"""Names beside points, placed so that they cover neither each other nor the points."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_POINT = 3.5  # half a marker and a little air, in points
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
_DISTANCES = (5.0, 12.0, 20.0, 30.0)  # points


class Box(NamedTuple):
    """Left, bottom, right, top, in points."""

    left: float
    bottom: float
    right: float
    top: float


def name_points(
    figure: Figure, axes: Axes, points: Sequence[tuple[float, float]], names: Sequence[str],
    nameless: Sequence[tuple[float, float]] = (), size: float = 6,
) -> None:  # fmt: skip
    """Write a name at each point: beside it where there is room, else farther off with a line.

    `nameless` points are not to be covered either.

    Each takes the place that covers the least of what stands there already, the nearest first.
    Limits, scales and everything else around the axes must have been set.
    """
    figure.draw_without_rendering()  # the layout decides where the points lie
    scale = 72 / figure.dpi
    frame = Box(*(scale * np.array(axes.bbox.extents)))
    places = [scale * axes.transData.transform(point) for point in points]
    marks = [*places, *(scale * axes.transData.transform(point) for point in nameless)]
    taken = [Box(x - _POINT, y - _POINT, x + _POINT, y + _POINT) for x, y in marks]
    for point, name, place in zip(points, names, places, strict=True):
        text = axes.annotate(name, point, (0, 0), textcoords="offset points", fontsize=size)
        extent = text.get_window_extent()
        box, far = _best(place, scale * extent.width, scale * extent.height, taken, frame)
        text.set_position((box.left - place[0], box.bottom - place[1]))
        taken.append(box)
        if far:
            centre = (box.left + box.right) / 2 - place[0], (box.bottom + box.top) / 2 - place[1]
            axes.annotate("", point, centre, textcoords="offset points", zorder=1,
                          arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.5,
                                      "shrinkA": 0, "shrinkB": 3})  # fmt: skip


def _best(
    place: np.ndarray, width: float, height: float, taken: Sequence[Box], frame: Box
) -> tuple[Box, bool]:
    candidates = [
        (_beside(place, width, height, dx, dy, distance), distance > _DISTANCES[0])
        for distance in _DISTANCES for dx, dy in _DIRECTIONS
    ]  # fmt: skip
    costs = [_covered(box, taken) + 4 * _outside(box, frame) for box, _ in candidates]
    return candidates[int(np.argmin(np.round(costs, 3)))]


def _beside(
    place: np.ndarray, width: float, height: float, dx: int, dy: int, distance: float
) -> Box:
    left = place[0] + dx * distance + (dx - 1) * width / 2
    bottom = place[1] + dy * distance + (dy - 1) * height / 2
    return Box(left, bottom, left + width, bottom + height)


def _covered(box: Box, taken: Sequence[Box]) -> float:
    return sum(
        max(0.0, min(box.right, other.right) - max(box.left, other.left))
        * max(0.0, min(box.top, other.top) - max(box.bottom, other.bottom))
        for other in taken
    )


def _outside(box: Box, frame: Box) -> float:
    across = max(0.0, frame.left - box.left) + max(0.0, box.right - frame.right)
    along = max(0.0, frame.bottom - box.bottom) + max(0.0, box.top - frame.top)
    return across * (box.top - box.bottom) + along * (box.right - box.left)
