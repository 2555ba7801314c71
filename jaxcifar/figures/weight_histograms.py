"""Histograms of weights over epochs, one ridge an epoch."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxcifar.figures.shown_members import first_seed, leading
from jaxcifar.figures.style import COLUMN, PAGE, footer, styled
from jaxcifar.figures.text import wrapped
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Histograms, Inside

MOST_RIDGES = 12
OVERLAP = 1.8  # height of a ridge in distances between ridges
OUTSIDE = 0.001  # share of the weights left out at each end of an axis
# Of a CANet block: a convolution, channel attention, spatial attention, the unit transform.
ATTENTION = ("conv2/kernel", "se/kernel7", "sa/conv/kernel", "unit/conv1/kernel")


@styled
def weight_histograms(records: Records, inside: Inside) -> Figure:
    """Weights of the first, the middle and the last kernel over epochs."""
    leaves = {name: outer_leaves(found.leaves) for name, found in inside.histograms.items()}
    return _ridges(records, inside, leaves)


@styled
def attention_weights(records: Records, inside: Inside) -> Figure:
    """Weights in the first block of CANet: a convolution, SE, SA and the unit transform."""
    return _ridges(records, inside, canets(inside))


def outer_leaves(leaves: Sequence[str]) -> tuple[str, ...]:
    """The first, the middle and the last kernel of a network.

    The file lists them by name; a network runs its stem (conv1), its blocks, then later
    convolutions of its own and dense layers, an unnumbered one last.
    """
    kernels = sorted((leaf for leaf in leaves if leaf.endswith("kernel")), key=_place)
    places = sorted({0, len(kernels) // 2, len(kernels) - 1})
    return tuple(kernels[place] for place in places) if kernels else ()


def _place(leaf: str) -> tuple[Any, ...]:
    """Where a kernel comes in its network, by the names that networks give their parts."""
    parts = leaf.split("/")[:-1]
    own, first = len(parts) == 1, parts[:1] == ["conv1"]
    stage = 3 if own and parts[0].startswith("fc") else 0 if first else 2 if own else 1
    return stage, [[*_counted(part), math.inf] for part in parts]  # fc1, fc2, ..., fc


def _counted(part: str) -> list[Any]:
    """Text and numbers in turn, so that conv10 follows conv9."""
    return [float(x) if at % 2 else x for at, x in enumerate(re.split(r"(\d+)", part))]


def canets(inside: Inside) -> dict[str, tuple[str, ...]]:
    """The members with spatial attention, and the four kernels drawn of each: the first such."""
    found = {}
    for name, histograms in inside.histograms.items():
        blocks = [leaf.removesuffix(ATTENTION[2]) for leaf in histograms.leaves
                  if leaf.endswith("/" + ATTENTION[2])]  # fmt: skip
        wanted = [blocks[0] + end for end in ATTENTION] if blocks else []
        if chosen := tuple(leaf for leaf in wanted if leaf in histograms.leaves):
            found[name] = chosen
    return found


def _ridges(records: Records, inside: Inside, leaves: Mapping[str, tuple[str, ...]]) -> Figure:
    """A line of panels for each of at most two members, a panel a kernel."""
    rows, note = leading(records, inside, leaves, 2)
    columns = max(len(leaves[row.ids[0]]) for row in rows)
    size = (PAGE if columns > 1 else COLUMN, 2.6 * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    grid: Any = figure.subplots(len(rows), columns, squeeze=False, sharex="col")
    ends: list[list[float]] = [[] for _ in range(columns)]
    for line, row in zip(grid, rows, strict=True):
        line[0].set_ylabel("epoch" if len(rows) == 1 else f"{wrapped(row.label, 2.2)}\nepoch")
        names = leaves[row.ids[0]]
        for axes, leaf, reach in zip(line, names, ends, strict=False):
            reach += _panel(axes, inside.histograms[row.ids[0]], leaf)
        for axes in line[len(names) :]:
            axes.set_visible(False)
    for axes, reach in zip(grid[-1], ends, strict=True):
        axes.set_xlabel("weight")
        if reach:
            room = 0.03 * (max(reach) - min(reach)) + 1e-6
            axes.set_xlim(min(reach) - room, max(reach) + room)
    whose = f"Member {rows[0].name}" if len(rows) == 1 else ""
    scaled = (f"Each ridge is scaled to its own peak; an axis holds {100 * (1 - 2 * OUTSIDE):g} % "
              "of the weights of each epoch")  # fmt: skip
    footer(figure, records, whose, scaled, first_seed(rows), note)
    return figure


def _panel(axes: Axes, found: Histograms, leaf: str) -> list[float]:
    """The ridges of a kernel, epoch 0 at the back; returns the ends of each (see `held`)."""
    index = found.leaves.index(leaf)
    epochs = ridge_epochs(np.isfinite(found.low[:, index]))
    colours = colormaps["cividis"](np.linspace(0.9, 0.15, max(len(epochs), 2)))
    ends: list[float] = []
    for place, epoch in enumerate(epochs):
        low, high = float(found.low[epoch, index]), float(found.high[epoch, index])
        counts = merged(found.counts[epoch, index])
        x, height = outline(counts, low, high)
        axes.fill(x, OVERLAP * height - place, facecolor=colours[place], alpha=0.85,
                  edgecolor="0.15", linewidth=0.4, zorder=2 + place)  # fmt: skip
        ends += held(counts, low, high)
    axes.set_title(leaf.removesuffix("/kernel"))
    axes.set_yticks(-np.arange(len(epochs)), [f"{found.epochs[e]:g}" for e in epochs])
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return ends


def ridge_epochs(known: np.ndarray) -> np.ndarray:
    """Evaluations to draw, (<= 12,): evenly chosen of those recorded, the first and last in."""
    there = np.flatnonzero(known)
    places = np.linspace(0, len(there) - 1, min(len(there), MOST_RIDGES))
    return there[np.round(places).astype(int)]


def merged(counts: np.ndarray) -> np.ndarray:
    """Neighbouring bins joined in pairs while they hold less than 4 weights on average: >= 8."""
    while len(counts) > 8 and len(counts) % 2 == 0 and counts.sum() < 4 * len(counts):
        counts = counts[::2] + counts[1::2]
    return counts


def outline(counts: np.ndarray, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """x and height in [0, 1] of a histogram's bins (B,), with 0 at both ends: (2 B + 2,) each."""
    edges = np.linspace(low, high, len(counts) + 1)
    height = counts / max(counts.max(), 1)
    return np.repeat(edges, 2), np.concatenate([[0.0], np.repeat(height, 2), [0.0]])


def held(counts: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """The edges of the bins between which all weights lie but for `OUTSIDE` at each end."""
    edges, total = np.linspace(low, high, len(counts) + 1), np.cumsum(counts)
    first = np.searchsorted(total, OUTSIDE * total[-1], side="right")
    last = np.searchsorted(total, (1 - OUTSIDE) * total[-1], side="left")
    return float(edges[min(first, len(counts) - 1)]), float(edges[min(last, len(counts) - 1) + 1])
