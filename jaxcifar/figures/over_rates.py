"""One number of every run over its learning rate, a line for each series."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxcifar.figures.lone_points import fill
from jaxcifar.figures.style import SERIES, Look, footer, legend, look, new_figure, styled
from jaxcifar.figures.text import PlainLog, columns_for
from jaxcifar.records.curves import Records


@styled
def over_rates(
    records: Records, values: Mapping[str, np.ndarray], rates: Sequence[float], ylabel: str,
    note: str = "", limit: float | None = None, top: float | None = None,
) -> Figure:  # fmt: skip
    """Means over seeds and the seeds' range, over the learning rate.

    Args:
        records: of the run, for what stands under the figure.
        values: series -> (seeds, rates); what is not finite lies above `top`.
        rates: rising.
        ylabel: of the values, with their unit.
        note: what else to say under the figure.
        limit: a line to draw across.
        top: where the axis ends if means lie above, which are crosses at its edge. None = it holds
            them all.
    """
    figure, (axes,) = new_figure(xlabel="learning rate", ylabel=ylabel)
    x = np.asarray(rates, float)
    for index, rows in enumerate(values.values()):
        _line(axes, x, np.asarray(rows, float), look(SERIES, index), top)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(PlainLog())
    axes.xaxis.set_minor_formatter(PlainLog())
    if limit is not None:
        axes.plot(x[[0, -1]], [limit] * 2, color="0.4", linewidth=0.8, linestyle=(0, (1, 1)))
    if top is not None and any((np.mean(rows, axis=0) > top).any() for rows in values.values()):
        axes.set_ylim(top=1.03 * top)
    handles = [_key(look(SERIES, index)) for index in range(len(values))]
    columns = columns_for(list(values), figure)
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.17 * ((len(values) - 1) // columns))
    legend(figure, handles, list(values), loc="outside upper center", ncols=columns)
    seeds = "Lines: mean over seeds; shaded: lowest to highest seed" if records.seeds > 1 else ""
    footer(figure, records, note, seeds)
    return figure


def _line(axes: Axes, x: np.ndarray, rows: np.ndarray, shape: Look, top: float | None) -> None:
    mean, low, high = rows.mean(0), rows.min(0), rows.max(0)
    edge = np.inf if top is None else top
    within = mean <= edge
    shown = np.where(within, mean, np.nan)
    axes.plot(x, shown, color=shape.color, linestyle=shape.line, marker=shape.marker, markersize=3)
    if len(rows) > 1:
        lower, upper = (np.where(high <= edge, end, np.nan) for end in (low, high))
        fill(axes, x, lower, upper, shape.color, 0.2)
    beyond = x[~within & ~np.isnan(mean)]
    if beyond.size:  # a line without points, not clipped, would take room below the axes
        axes.plot(beyond, np.full(beyond.size, edge), color=shape.color, linestyle="", marker="x",
                  markersize=4, clip_on=False)  # fmt: skip


def _key(shape: Look) -> Line2D:
    return Line2D([], [], color=shape.color, linestyle=shape.line, marker=shape.marker,
                  markersize=3)  # fmt: skip
