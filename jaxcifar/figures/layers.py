"""A network layer by layer: how large outputs are, and how many units are dead."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxcifar.figures.layer_units import is_norm, units
from jaxcifar.figures.shown_members import Row, leading
from jaxcifar.figures.style import RATES, SERIES, Look, footer, look, new_figure, styled
from jaxcifar.figures.text import columns_for, few_numbers, wrapped
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside

MOST_NAMES = 24  # layers whose names fit under an axis
DEEP = 40  # layers; from here on marks are smaller
IMAGES = "256 training images without augmentation"


@styled
def activation_rms(records: Records, inside: Inside) -> Figure:
    """Root mean square of every layer's output, before and after training.

    Lines join convolutions and dense layers; hollow marks are normalisation layers.
    """
    rows, note = leading(records, inside, inside.probes, len(RATES))
    figure, panels = new_figure(2, 2, ylabel="RMS of the layer's output")
    titles = {"initial_rms": "before training", "final_rms": "after training"}
    for axes, (field, title) in zip(panels, titles.items(), strict=True):
        axes.set_title(title)
        for index, row in enumerate(rows):
            _profile(axes, inside.probes[row.ids[0]].layers, over_seeds(inside, row, field),
                     look(RATES, index))  # fmt: skip
    panels[0].set_yscale("log")
    few_numbers(panels[0].yaxis)
    name_layers(panels, _common([inside.probes[row.ids[0]].layers for row in rows]))
    handles = [_handle(look(RATES, index), row.label) for index, row in enumerate(rows)]
    columns = columns_for([row.label for row in rows], figure, 6)
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, fontsize=6)
    lines = "Lines: convolutions and dense layers; hollow: normalisation"
    footer(figure, records, f"Over {IMAGES}. {lines}", _mean(records), note)
    return figure


@styled
def dead_units(records: Records, inside: Inside) -> Figure:
    """Share of channels that are never above 0, before and after training, of all `units`."""
    rows, note = leading(records, inside, inside.probes, 4)
    figure, panels = new_figure(len(rows), 2, ylabel="dead channels (%)")
    names = [inside.probes[row.ids[0]].layers for row in rows]
    kept = [units(layers) for layers in names]
    for axes, row, keep in zip(panels, rows, kept, strict=True):
        before, after = (100 * over_seeds(inside, row, f"{when}_dead")[keep] for when in TIMES)
        x = np.arange(1, len(before) + 1)
        axes.vlines(x, before, after, color="0.7", linewidth=0.8, zorder=1)
        for values, (label, options) in zip((before, after), TIMES.values(), strict=True):
            axes.plot(x, values, linestyle="", label=label, clip_on=False, zorder=3, **options)
        axes.set_title(wrapped(row.label, 2.9))
    panels[0].set_ylim(0, None if any(axes.dataLim.y1 > 0 for axes in panels) else 1)
    name_layers(panels, _common([tuple(layers[place] for place in keep)
                                 for layers, keep in zip(names, kept, strict=True)]))  # fmt: skip
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    dead = f"Dead: at most 0 before the activation, at every place of {IMAGES}"
    footer(figure, records, dead, _mean(records), note)
    return figure


TIMES: dict[str, tuple[str, dict[str, Any]]] = {
    "initial": ("before training", {"marker": "o", "markersize": 5.5, "markerfacecolor": "none",
                                    "color": SERIES[0].color, "markeredgewidth": 0.8}),
    "final": ("after training", {"marker": "s", "markersize": 3, "color": SERIES[1].color}),
}  # fmt: skip


def over_seeds(inside: Inside, row: Row, field: str) -> np.ndarray:
    """Mean over a row's seeds of a field with an entry a layer, (D,)."""
    return np.mean([getattr(inside.probes[name], field) for name in row.ids], axis=0)


def name_layers(panels: Sequence[Axes], layers: Sequence[str]) -> None:
    """Label the x axes by layer, or by number where there are no common names or too many."""
    lowest = [axes for axes in panels if axes.get_xaxis().get_tick_params()["labelbottom"]]
    for axes in lowest:
        axes.set_xlabel("" if layers else "depth (layers, in the order they run)")
    if layers:
        panels[0].set_xticks(np.arange(1, len(layers) + 1), layers)
        for axes in lowest:
            axes.tick_params(axis="x", rotation=90, labelsize=6)


def _common(names: Sequence[tuple[str, ...]]) -> Sequence[str]:
    """The layers of all rows, if they are the same and not too many."""
    return names[0] if len({*names}) == 1 and len(names[0]) <= MOST_NAMES else ()


def _profile(axes: Axes, layers: Sequence[str], values: np.ndarray, shape: Look) -> None:
    x, norm = np.arange(1, len(layers) + 1), np.array([is_norm(name) for name in layers])
    positive = np.where(values > 0, values, np.nan)  # a dead layer has no logarithm
    mark: dict[str, Any] = {
        "color": shape.color,
        "marker": shape.marker,
        "markersize": 3 if len(x) < DEEP else 1.5,
    }
    axes.plot(x[~norm], positive[~norm], **mark)
    axes.plot(x[norm], positive[norm], linestyle="", markerfacecolor="white", markeredgewidth=0.5,
              **mark)  # fmt: skip


def _handle(shape: Look, label: str) -> Line2D:
    return Line2D([], [], color=shape.color, marker=shape.marker, markersize=3, label=label)


def _mean(records: Records) -> str:
    return f"Mean of {records.seeds} seeds" if records.seeds > 1 else ""
