"""What a line or a filling cannot show: points without neighbours, and axes without a value."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D


def show_lone_points(figure: Figure) -> None:
    """Mark the points that no line reaches; say of axes with nothing to show that there is nothing.

    A run of one step or one epoch has such points alone, others between values that are not finite.
    """
    for axes in figure.axes:
        for line in axes.lines:
            _mark(line, lone(_drawable(line, axes)))
        if axes.get_visible() and any(spine.get_visible() for spine in axes.spines.values()):
            _say_if_blank(axes)


def lone(known: np.ndarray) -> np.ndarray:
    """Places of the values that are known (S,) bool while neither neighbour is, rising."""
    padded = np.concatenate([[False], known, [False]])
    return np.flatnonzero(known & ~padded[:-2] & ~padded[2:])


def fill(
    axes: Axes, x: np.ndarray, lower: np.ndarray, upper: np.ndarray, color: str, alpha: float,
    hatch: str = "",
) -> Any:  # fmt: skip
    """Fill between two curves, a bar where a point stands alone; returns the filling."""
    if hatch:
        axes.fill_between(
            x, lower, upper, facecolor="none", edgecolor=color, linewidth=0, hatch=hatch
        )
    alone = lone(np.isfinite(lower) & np.isfinite(upper))
    if len(alone):
        ends = np.asarray(lower)[alone], np.asarray(upper)[alone]
        axes.vlines(np.asarray(x)[alone], *ends, color=color, alpha=alpha, linewidth=5)
    return axes.fill_between(x, lower, upper, facecolor=color, alpha=alpha, linewidth=0)


def _drawable(line: Line2D, axes: Axes) -> np.ndarray:
    """Which of a line's points its axes can show, (S,) bool: logarithms need more than 0."""
    x, y = (np.ravel(np.asarray(data, float)) for data in line.get_data())
    return _shown(x, axes.get_xscale()) & _shown(y, axes.get_yscale())


def _shown(values: np.ndarray, scale: str) -> np.ndarray:
    known: np.ndarray = np.isfinite(values)
    return known & (values > 0) if scale == "log" else known


def _mark(line: Line2D, places: np.ndarray) -> None:
    """Give these points a marker, beside those that have one already."""
    every, marked = line.get_markevery(), line.get_marker() not in ("", " ", "None", None)
    if not len(places) or (marked and every is None):
        return
    if marked:
        kept = slice(None, None, every) if isinstance(every, int) else every
        size = len(np.ravel(line.get_xdata()))
        places = np.union1d(places, np.arange(size)[kept])
    else:
        line.set(marker="o", markersize=2 + 2 * line.get_linewidth())
    line.set(markevery=[int(place) for place in places], clip_on=False)


def _say_if_blank(axes: Axes) -> None:
    if axes.images or axes.patches or axes.texts or any(map(_has_values, axes.collections)):
        return
    if not any(_drawable(line, axes).any() for line in axes.lines):
        lost = any(np.size(line.get_xdata()) for line in axes.lines)
        axes.text(
            0.5, 0.5, "no value that can be drawn" if lost else "no data", ha="center",
            va="center", color="0.4", fontsize=7, transform=axes.transAxes,
        )  # fmt: skip


def _has_values(collection: Any) -> bool:
    if collection.get_array() is not None:
        return True
    return any(np.isfinite(path.vertices).all(1).any() for path in collection.get_paths())
