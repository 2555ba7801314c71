"""Our curves beside recorded ones, drawn with the spread over our seeds.

Ours come as arrays with a row a seed (then one a learning rate) and an entry an epoch from 1 on,
recorded ones as epochs and values; both by the name of their series.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxcifar.figures.curves import log_if_wide
from jaxcifar.figures.landscape import draw_epoch_bands, what_is_shaded
from jaxcifar.figures.lone_points import fill
from jaxcifar.figures.style import (
    RATES,
    SERIES,
    Look,
    draw_band,
    footer,
    legend,
    look,
    new_figure,
    styled,
)
from jaxcifar.figures.text import whole_numbers
from jaxcifar.records.bands import loss_band
from jaxcifar.records.curves import Records

Ours = Mapping[str, np.ndarray]
Recorded = Mapping[str, tuple[np.ndarray, np.ndarray]]  # series -> epochs (E,), values (..., E)


@styled
def loss_bands(records: Records, recorded: Recorded, source: str) -> Figure:
    """The bands of epoch means: ours, and beside them those of the recorded losses (rates, E)."""
    title = "training loss, epoch mean (nats)"
    figure, panels = new_figure(1 + bool(recorded), 2, "epoch", title)
    drawn = draw_epoch_bands(panels[0], records)
    panels[0].set_title("ours")
    for index, series in enumerate(records.series):
        if series in recorded:
            epochs, losses = recorded[series]
            draw_band(panels[1], epochs, loss_band(losses), look(SERIES, index), hatch=True)
            panels[1].set_title(f"recorded: {source}")
    panels[0].set_ylim(bottom=0)
    _whole_epochs(panels)
    legend(figure, drawn, records.series, loc="outside upper center", ncols=2)
    footer(figure, records, what_is_shaded(records))
    return figure


@styled
def widths(records: Records, ours: Ours, recorded: Recorded, source: str, what: str) -> Figure:
    """Width of each network's band by epoch, (seeds, E), and the recorded one, (E,)."""
    figure, (axes,) = new_figure(xlabel="epoch", ylabel="width of the loss band (nats)")
    for index, (series, values) in enumerate(ours.items()):
        shape = look(SERIES, index)
        _mean_and_spread(axes, values, shape, shape.line)
        _recorded(axes, recorded.get(series), shape)
    axes.set_ylim(bottom=0)
    _whole_epochs([axes])
    _series_legend(figure, ours, recorded)
    footer(figure, records, what, *_notes(records, recorded, source))
    return figure


@styled
def curves(
    records: Records, ours: Ours, recorded: Recorded, source: str, ylabel: str, what: str = "",
    log: bool = False,
) -> Figure:  # fmt: skip
    """Curves of every learning rate, (seeds, rates, E), a panel a network; recorded (rates, E).

    The recorded rows belong to the learning rates in rising order.
    """
    figure, panels = new_figure(len(ours), 2, "epoch", ylabel)
    for axes, (series, values) in zip(panels, ours.items(), strict=True):
        axes.set_title(series)
        for index in range(len(records.learning_rates)):
            shape = look(RATES, index)
            _mean_and_spread(axes, values[:, index], shape, "-")
            if series in recorded:
                epochs, rows = recorded[series]
                _recorded(axes, (epochs, rows[index]), shape)
    _whole_epochs(panels)
    if log:
        log_if_wide(panels)
    handles = [
        Line2D([], [], color=look(RATES, i).color, label=f"lr {lr:g}")
        for i, lr in enumerate(records.learning_rates)
    ]
    handles += [_mark()] if recorded else []
    figure.legend(handles=handles, loc="outside upper center", ncols=5)
    footer(figure, records, what, *_notes(records, recorded, source))
    return figure


@styled
def gradient_range(
    records: Records, lower: Ours, upper: Ours, recorded: Recorded, source: str
) -> Figure:
    """Smallest and largest entry of the last layer's gradient, (seeds, E); recorded largest (E,).

    At the lowest learning rate, epoch means.
    """
    figure, (axes,) = new_figure(xlabel="epoch", ylabel="entries of the last layer's gradient")
    for index, series in enumerate(lower):
        shape = look(SERIES, index)
        for ends in (lower, upper):
            _mean_and_spread(axes, ends[series], shape, shape.line)
        _recorded(axes, recorded.get(series), shape)
    axes.set_title(f"learning rate {records.learning_rates[0]:g}")
    _whole_epochs([axes])
    _series_legend(figure, lower, recorded, "recorded, largest")
    what = "Epoch means of each step's smallest and largest entry"
    footer(figure, records, what, *_notes(records, recorded, source))
    return figure


def _mean_and_spread(axes: Axes, values: np.ndarray, shape: Look, line: Any) -> None:
    """The mean over seeds (first axis) of the epochs that all have, and as far as they reach."""
    epochs = np.arange(1, values.shape[1] + 1)
    axes.plot(epochs, values.mean(0), color=shape.color, linestyle=line, marker=".", markersize=3)
    if len(values) > 1:
        fill(axes, epochs, values.min(0), values.max(0), shape.color, 0.25)


def _recorded(axes: Axes, found: tuple[np.ndarray, np.ndarray] | None, shape: Look) -> None:
    if found is not None:
        axes.plot(
            *found, color=shape.color, linestyle=":", linewidth=0.8, marker="o", markersize=3.5,
            markerfacecolor="white", markeredgewidth=0.8,
        )  # fmt: skip


def _series_legend(figure: Figure, ours: Ours, recorded: Recorded, name: str = "recorded") -> None:
    handles = [
        Line2D([], [], color=look(SERIES, i).color, linestyle=look(SERIES, i).line, label=series)
        for i, series in enumerate(ours)
    ]
    handles += [_mark(name)] if recorded else []
    figure.legend(handles=handles, loc="outside upper center")


def _mark(name: str = "recorded") -> Line2D:
    return Line2D([], [], color="0.3", linestyle=":", linewidth=0.8, marker="o", markersize=3.5,
                  markerfacecolor="white", label=name)  # fmt: skip


def _notes(records: Records, recorded: Recorded, source: str) -> list[str]:
    seeds = "Lines: mean over seeds; shaded: lowest to highest seed" if records.seeds > 1 else ""
    return [seeds, f"Recorded: {source}" if recorded else ""]


def _whole_epochs(panels: Sequence[Axes]) -> None:
    for axes in panels:
        axes.xaxis.set_major_locator(whole_numbers())
