"""Distributions of what layers give, over training: what they pass to the activation function."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from jaxcifar.core.wording import plural
from jaxcifar.figures.chosen_layers import normed, picked
from jaxcifar.figures.panels import grid
from jaxcifar.figures.style import SERIES, Look, footer, look, styled
from jaxcifar.figures.text import whole_numbers, wrapped
from jaxcifar.records.activations import Activations
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside

BANDS = (((0.01, 0.99), 0.15), ((0.05, 0.95), 0.2), ((0.25, 0.75), 0.3))
"""Levels of quantiles, and how opaque what lies between them is."""


def has_activations(records: Records, inside: Inside) -> bool:
    """Whether any member's activations were recorded in training."""
    return any(len(found.step) for found in inside.activations.values())


@styled
def over_training(records: Records, inside: Inside) -> Figure:
    """Bands of quantiles of three layers at each probe, a row a network, at one learning rate."""
    rate, note = _rate(records, inside)
    rows = [(name, of[0]) for name in records.series if (of := _of(records, inside, name, rate))]
    networks = [found.layers for _, found in rows]
    titles = list(picked(networks[0], networks))
    figure, panels = grid(
        len(rows), len(titles), "training step", "output of the layer", sharey="col"
    )
    for index, ((name, found), row) in enumerate(zip(rows, panels, strict=True)):
        for axes, layer in zip(row, picked(found.layers, networks).values(), strict=False):
            drawn = normed(found.layers, layer)
            _bands(axes, found, found.layers.index(drawn), look(SERIES, index))
            axes.set_title(wrapped(f"{name}, {drawn}", 2.0))
            axes.xaxis.set_major_locator(whole_numbers())
    handles, labels = _key()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    what = (
        "What a layer passes on, after its normalisation where it has one and before the "
        "activation, for the minibatch of the step that follows; BatchNorm by its statistics"
    )
    seeds = "First seed of each" if records.seeds > 1 else ""
    footer(figure, records, what, f"Learning rate {rate:g}{note}", seeds, _holes(inside))
    return figure


def _of(records: Records, inside: Inside, series: str, rate: float) -> list[Activations]:
    ids = [records.members[row].id for row in records.rows(series, rate)]
    return [inside.activations[name] for name in ids
            if name in inside.activations and len(inside.activations[name].step)]  # fmt: skip


def _rate(records: Records, inside: Inside) -> tuple[float, str]:
    """The largest learning rate that most networks were recorded at, if possible
    without holes."""

    def worth(rate: float) -> tuple[int, bool, float]:
        found = [each for name in records.series for each in _of(records, inside, name, rate)[:1]]
        return len(found), all(np.isfinite(each.mean).all() for each in found), rate

    rates = [rate for rate in records.learning_rates if worth(rate)[0]]
    note = f", of {len(rates)} that were recorded" if len(rates) > 1 else ""
    return max(rates, key=worth), note


def _bands(axes: Axes, found: Activations, place: int, shape: Look) -> None:
    at = {float(level): found.quantiles[:, place, k] for k, level in enumerate(found.levels)}
    for (low, high), opacity in BANDS:
        axes.fill_between(
            found.step, at[low], at[high], color=shape.color, alpha=opacity, linewidth=0
        )
    axes.plot(found.step, at[0.5], color=shape.color)
    axes.plot(found.step, found.mean[:, place], color="0.2", linestyle=":")


def _key() -> tuple[list[Any], list[str]]:
    """What the legend shows, in grey: each band lies over those before it."""
    seen = 1 - np.cumprod([1 - opacity for _, opacity in BANDS])
    handles: list[Any] = [Patch(color="0.1", alpha=opacity, linewidth=0) for opacity in seen]
    labels = [f"{100 * low:g} to {100 * high:g} %" for (low, high), _ in BANDS]
    lines = [Line2D([], [], color="0.1"), Line2D([], [], color="0.2", linestyle=":")]
    return [*handles, *lines], [*labels, "median", "mean"]


def _holes(inside: Inside) -> str:
    missing = sum(int(np.isnan(found.mean).sum()) for found in inside.activations.values())
    return f"Not finite and left out: {plural(missing, 'output')}" if missing else ""
