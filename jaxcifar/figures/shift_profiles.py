"""The shift of every layer of several networks, side by side over their depth."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxcifar.figures.chosen_layers import common
from jaxcifar.figures.layers import MOST_NAMES
from jaxcifar.figures.panels import grid, log_where_positive
from jaxcifar.figures.style import Look, legend
from jaxcifar.figures.text import columns_for, whole_numbers

QUANTITIES = {"distance": "L2 change of the gradient", "cosine": "cosine of the gradients"}
LOW, HIGH = 10, 90  # percentiles that bars reach to
MOST = 8  # networks of a figure


class Profile(NamedTuple):
    """What is drawn of one network."""

    label: str
    layers: tuple[str, ...]
    look: Look
    distance: np.ndarray  # (n, L)
    cosine: np.ndarray  # (n, L)


def cosine_axis(panels: Sequence[Axes]) -> None:
    """An axis, which the panels share, from 0 or the lowest cosine to 1."""
    curves = [np.asarray(line.get_ydata(), float) for axes in panels for line in axes.lines]
    values = np.concatenate([np.zeros(1), *curves])
    panels[0].set_ylim(np.nanmin(values) - 0.05, 1.05)


def bars(over: str) -> str:
    """What marks and bars mean, in words."""
    return f"Marks: medians over {over}; bars: {LOW} to {HIGH} % of them"


def profiles(lines: Sequence[Profile]) -> Figure:
    """A panel a quantity, the layers along x: those that all have, or each network's own."""
    shared = common([line.layers for line in lines])
    figure, panels = grid(1, 2, "", "", sharey="none")
    (row,) = panels
    drawn = []
    for index, line in enumerate(lines):
        places = [line.layers.index(name) for name in shared or line.layers][1:]
        shift = 0.12 * (index - (len(lines) - 1) / 2)
        for axes, values in zip(row, (line.distance, line.cosine), strict=True):
            mark = _profile(axes, values[:, places], shift, line.look)
        drawn.append(mark)
    for axes, label in zip(row, QUANTITIES.values(), strict=True):
        axes.set_ylabel(label)
        _name(axes, shared[1:])
    log_where_positive(row[:1])
    cosine_axis(row[1:])
    labels = [line.label for line in lines]
    legend(figure, drawn, labels, loc="outside upper center", ncols=columns_for(labels, figure))
    return figure


def _profile(axes: Axes, values: np.ndarray, shift: float, shape: Look) -> Any:
    """Medians and bars over the rows of (n, L); what is not known anywhere is left out."""
    x = np.arange(2, 2 + values.shape[1])
    known = np.isfinite(values).any(axis=0)
    x, values = x[known], values[:, known]
    middle, low, high = np.nanpercentile(values, (50, LOW, HIGH), axis=0)
    return axes.errorbar(
        x + shift, middle, yerr=(middle - low, high - middle), color=shape.color,
        marker=shape.marker, markersize=3, linestyle="none", elinewidth=0.8, capsize=1.5,
    )  # fmt: skip


def _name(axes: Axes, names: Sequence[str]) -> None:
    if names and len(names) < MOST_NAMES:
        axes.set_xticks(np.arange(2, 2 + len(names)), names)
        axes.tick_params(axis="x", rotation=90, labelsize=6)
    else:
        axes.set_xlabel("depth (layers, in the order they run)")
        axes.xaxis.set_major_locator(whole_numbers())
