"""Loss surfaces, lines and trajectories: contours, in three dimensions, and along one axis."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d import Axes3D  # noqa: F401  # the projection "3d"

from jaxcifar.figures.style import COLUMN, PAGE, SERIES, legend, look, styled
from jaxcifar.figures.surface_words import axis_names, caption, title
from jaxcifar.figures.text import columns_for, few_numbers, wrapped
from jaxcifar.records.landscapes import Landscape

COLOURS = "viridis"
WIDE = 20.0  # losses that span more than so many to one are drawn logarithmically
LEVELS, FILLED = 12, 40  # contours that are drawn, and steps of the filling
BLANK = "0.88"  # where the loss is not finite


class Scale:
    """One colour scale for all losses that are compared: logarithmic where they span decades."""

    def __init__(self, found: Sequence[Landscape]) -> None:
        losses = np.concatenate([each.loss.ravel() for each in found])
        known = losses[np.isfinite(losses)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        self.log = low > 0 and high > WIDE * low
        if not high > low:
            low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
        self.norm: Any = LogNorm(low, high) if self.log else Normalize(low, high)
        self.low, self.high = low, high

    def levels(self, count: int) -> np.ndarray:
        """(count,) losses from the lowest to the highest, evenly spaced on the scale."""
        spaced = np.geomspace if self.log else np.linspace
        return spaced(self.low, self.high, count)

    def bar(self, figure: Figure, axes: Any) -> None:
        """The colours' key beside all panels."""
        shown = ScalarMappable(self.norm, COLOURS)
        bar = figure.colorbar(shown, ax=axes, label="loss (nats)", shrink=0.85, pad=0.03)
        self.ticks(bar.ax.yaxis)
        bar.outline.set_linewidth(0.5)

    def heights(self) -> list[float]:
        """Round losses to mark a height by: 1, 2, 5, 10, ..., or powers of ten of many decades."""
        if not self.log:
            return [float(value) for value in MaxNLocator(6).tick_values(self.low, self.high)
                    if self.low <= value <= self.high]  # fmt: skip
        tens = 10.0 ** np.arange(np.floor(np.log10(self.low)), np.log10(self.high) + 1)
        for steps in ((1, 2, 5), (1, 3), (1,)):
            found = [s * ten for ten in tens for s in steps if self.low <= s * ten <= self.high]
            if len(found) <= 6:
                break
        return found[:: -(-len(found) // 6) or 1]

    def ticks(self, axis: Any) -> None:
        """Plain numbers along an axis of losses."""
        if self.log:
            few_numbers(axis)
        else:
            axis.set_major_locator(MaxNLocator(6))


@styled
def contour(found: Sequence[Landscape]) -> Figure:
    """Lines of equal loss, a panel a member, all at the same levels."""
    figure, grid, scale = _panels(found)
    levels = scale.levels(LEVELS + 2)[1:-1]
    for axes, each in zip(grid, found, strict=True):
        _fill(axes, each, levels=[scale.low, scale.high], colors="white")
        if lines := _contours(axes, each, levels, scale):
            axes.clabel(lines, fontsize=5, fmt=lambda value: f"{value:.3g}")
        _finish(axes, each)
    scale.bar(figure, grid)
    return _below(figure, found, scale)


@styled
def filled(found: Sequence[Landscape]) -> Figure:
    """The loss as colour with few lines of equal loss, a panel a member, on one scale."""
    figure, grid, scale = _panels(found)
    for axes, each in zip(grid, found, strict=True):
        _fill(axes, each, levels=scale.levels(FILLED), norm=scale.norm, cmap=COLOURS)
        _contours(axes, each, scale.levels(LEVELS + 2)[1:-1], scale, colors="0.15", linewidths=0.3)
        _finish(axes, each)
    scale.bar(figure, grid)
    return _below(figure, found, scale)


@styled
def three_d(found: Sequence[Landscape]) -> Figure:
    """The loss as height over the plane, a panel a member, on one scale of heights and colours."""
    scale, columns = Scale(found), min(len(found), 2)
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(COLUMN if columns == 1 else PAGE, 0.4 + 2.9 * rows))
    FigureCanvasAgg(figure)
    for place, each in enumerate(found):
        axes: Any = figure.add_subplot(rows, columns, place + 1, projection="3d")
        heights: Any = np.log10(_masked(each)) if scale.log else _masked(each)
        a, b = np.meshgrid(each.a, each.b, indexing="ij")
        colours = ScalarMappable(scale.norm, COLOURS).to_rgba(_masked(each))
        axes.plot_surface(a, b, heights.filled(np.nan), facecolors=colours, rcount=60, ccount=60,
                          linewidth=0.1, edgecolor=(0, 0, 0, 0.15), shade=False)  # fmt: skip
        ends = np.array([scale.low, scale.high])
        axes.set_zlim(*(np.log10(ends) if scale.log else ends))
        marks = scale.heights()
        axes.set_zticks(np.log10(marks) if scale.log else marks, [f"{mark:.4g}" for mark in marks])
        names = [name.partition(" (")[0] for name in axis_names(each)]  # no room for more
        axes.set(xlabel=names[0], ylabel=names[1], zlabel="loss (nats)")
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_tick_params(labelsize=6, pad=0)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4))
        axes.set_title(wrapped(title(each), 2.8), y=1.0, pad=0)
        axes.view_init(elev=32, azim=-58)
        axes.set_box_aspect((1, 1, 0.72), zoom=0.85)
    figure.subplots_adjust(left=0.02, right=0.93, top=0.95, wspace=0.12, hspace=0.12)
    return _below(figure, found, scale, fixed=True)


@styled
def curves(found: Sequence[Landscape]) -> Figure:
    """The loss along one axis, and the accuracy below it, a line a member."""
    counted = [each for each in found if each.accuracy is not None]
    scale, rows = Scale(found), 2 if counted else 1
    figure = Figure(figsize=(COLUMN, 0.6 + 1.7 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    drawn = [_curve(grid, each, place) for place, each in enumerate(found)]
    grid[0].set_ylabel("loss (nats)")
    if scale.log:
        grid[0].set_yscale("log")
        few_numbers(grid[0].yaxis)
    if counted:
        grid[1].set_ylabel("accuracy (%)")
    grid[-1].set_xlabel(axis_names(found[0])[0])
    names = [title(each) for each in found]
    legend(figure, drawn, names, loc="outside upper center", ncols=columns_for(names, figure))
    return _below(figure, found, scale)


def _curve(grid: Any, each: Landscape, place: int) -> Any:
    shape = look(SERIES, place)
    (line,) = grid[0].plot(each.a, each.loss, color=shape.color, linestyle=shape.line)
    if each.accuracy is not None:
        grid[1].plot(each.a, 100 * each.accuracy, color=shape.color, linestyle=shape.line)
    return line


PLANES: Mapping[str, Callable[[Sequence[Landscape]], Figure]] = {
    "contour": contour, "filled": filled, "3d": three_d,
}  # fmt: skip
LINES: Mapping[str, Callable[[Sequence[Landscape]], Figure]] = {"curve": curves}
"""Figures by what their files are called."""


def _panels(found: Sequence[Landscape]) -> tuple[Figure, list[Axes], Scale]:
    """A panel for each, equal axes shared; trajectories have axes of their own."""
    columns = 2 if len(found) in (2, 4) else min(len(found), 3)
    rows = -(-len(found) // columns)
    size = (COLUMN if columns == 1 else PAGE, 0.4 + {1: 2.7, 2: 3.0, 3: 2.2}[columns] * rows)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    own = any(each.path is not None for each in found)
    grid = figure.subplots(rows, columns, sharex=not own, sharey=not own, squeeze=False)
    for place, axes in enumerate(grid.ravel()):
        axes.set_visible(place < len(found))
        axes.grid(visible=False)
        axes.set_facecolor(BLANK)
        if place < len(found):
            names = axis_names(found[place])
            if own or place + columns >= len(found):
                axes.set_xlabel(names[0])
                axes.tick_params(labelbottom=True)
            if own or place % columns == 0:
                axes.set_ylabel(names[1])
            axes.set_title(wrapped(title(found[place]), 6.4 / columns))
    return figure, list(grid.ravel()[: len(found)]), Scale(found)


def _fill(axes: Axes, each: Landscape, **options: Any) -> None:
    """Colour where the loss is finite; the ground shows elsewhere."""
    if np.isfinite(each.loss).any():
        axes.contourf(each.a, each.b, _masked(each).T, extend="both", **options)


def _contours(
    axes: Axes, each: Landscape, levels: np.ndarray, scale: Scale, **options: Any
) -> Any:  # fmt: skip
    """Lines at those of the levels that the loss crosses; None where it crosses none."""
    known = each.loss[np.isfinite(each.loss)]
    crossed = [level for level in levels if known.size and known.min() < level < known.max()]
    if not crossed:
        return None
    colours = {} if "colors" in options else {"norm": scale.norm, "cmap": COLOURS}
    options = {"linewidths": 0.8, **colours, **options}
    return axes.contour(each.a, each.b, _masked(each).T, levels=crossed, **options)


def _finish(axes: Axes, each: Landscape) -> None:
    """Where the weights are, or the path that led there; as much as was looked at."""
    axes.set(xlim=each.a[[0, -1]], ylim=each.b[[0, -1]])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    if each.path is None:
        axes.plot(0, 0, marker="+", color="#D55E00", markersize=7, zorder=5)
        return
    x, y = each.path.T
    axes.plot(x, y, color="white", linewidth=2.2, zorder=4)
    axes.plot(x, y, color="#D55E00", linewidth=1.0, marker="o", markersize=2.5, zorder=5)
    axes.plot(0, 0, marker="*", color="#D55E00", markeredgecolor="white", markersize=9,
              markeredgewidth=0.5, zorder=6)  # fmt: skip


def _masked(each: Landscape) -> np.ma.MaskedArray:
    return np.ma.masked_invalid(each.loss)


def _below(
    figure: Figure, found: Sequence[Landscape], scale: Scale, fixed: bool = False
) -> Figure:  # fmt: skip
    """Say under a figure what it shows: of whom, on which images, along what, and what is blank."""
    lines = textwrap.wrap(
        caption(found, scale.log, marked=not fixed), int(figure.get_figwidth() * 22.5)
    )
    height = figure.get_figheight() + 0.1 * len(lines)
    figure.set_figheight(height)
    if fixed:
        figure.subplots_adjust(bottom=(0.1 * len(lines) + 0.2) / height)
        figure.text(0.01, 0.01, "\n".join(lines), fontsize=6, color="0.25", va="bottom")
    else:
        figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=6, color="0.25")
    return figure
