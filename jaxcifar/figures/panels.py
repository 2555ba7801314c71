"""Rows and columns of axes, their scales, and the sentences below them."""

import textwrap
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxcifar.figures.style import COLUMN, PAGE
from jaxcifar.figures.text import few_numbers


def grid(
    rows: int, columns: int, xlabel: str, ylabel: str, *, sharey: Literal["row", "col", "none"]
) -> tuple[Figure, list[list[Axes]]]:  # fmt: skip
    """A figure with so many axes, labelled at the left and the bottom, by rows.

    One column of print wide, or a page from two columns of axes on. Columns share their x axis.
    """
    size = (COLUMN if columns == 1 else PAGE, 0.6 + 1.9 * rows)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, sharex="col", sharey=sharey, squeeze=False)
    for row in panels:
        row[0].set_ylabel(ylabel)
    for axes in panels[-1]:
        axes.set_xlabel(xlabel)
    return figure, [list(row) for row in panels]


def log_where_positive(panels: Sequence[Axes]) -> None:
    """A logarithmic axis, which the panels share, where all values are above 0 and far apart."""
    curves = [np.asarray(line.get_ydata(), float) for axes in panels for line in axes.lines]
    values = np.concatenate([np.empty(0), *curves])
    values = values[np.isfinite(values)]
    if values.size and (values > 0).all() and values.max() > 20 * values.min():
        panels[0].set_yscale("log")
        few_numbers(panels[0].yaxis)


def below(figure: Figure, sentences: Sequence[str]) -> Figure:
    """Say under a figure what it shows."""
    text = ". ".join(filter(None, sentences)) + "."
    lines = textwrap.wrap(text, int(figure.get_figwidth() * 22.5))
    figure.set_figheight(figure.get_figheight() + 0.1 * len(lines))
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=6, color="0.25")
    return figure
