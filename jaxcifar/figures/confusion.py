"""Which classes are taken for which: confusion matrices and the accuracy of each class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm, to_rgba
from matplotlib.figure import Figure

from jaxcifar.figures.shown_members import Row, leading
from jaxcifar.figures.style import COLUMN, PAGE, SERIES, bare_grid, footer, look, new_figure, styled
from jaxcifar.figures.test_set_counts import Counts, classes, counts_of, over_seeds, what_is_counted
from jaxcifar.figures.text import columns_for, wrapped
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside

SCALE = PowerNorm(0.5, 0, 1)  # square root: shows the few per cent that are confused


@styled
def confusion_matrix(records: Records, inside: Inside) -> Figure:
    """Images by true (rows) and predicted class; the colour is the share of the true class."""
    counts = counts_of(records, inside)
    rows, note = leading(records, inside, counts, 4)
    columns = min(len(rows), 2)
    lines = -(-len(rows) // columns)
    figure, grid = bare_grid(lines, columns, (COLUMN, PAGE)[columns - 1], 3.3 * lines)
    for axes, row in zip(grid.flat, rows, strict=False):
        found = over_seeds(counts, row.ids)
        image = axes.imshow(found.shares, cmap="Blues", norm=SCALE)
        axes.set_title(wrapped(f"{row.label}: {100 * found.accuracy:.2f} %", 2.7))
        _cells(axes, found, classes(inside))
    for axes in grid.flat[len(rows) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("true class")
    for axes in grid[-1]:
        axes.set_xlabel("predicted class")
    figure.set_layout_engine("constrained", h_pad=0.08)
    bar = figure.colorbar(image, ax=list(grid.flat), shrink=0.6, aspect=30, pad=0.02)
    bar.set_ticks([0.01, 0.05, 0.2, 0.5, 1], labels=["1", "5", "20", "50", "100"])
    bar.set_label("share of the true class (%)")
    footer(figure, records, what_is_counted(records, _ids(rows)), note)
    return figure


def _cells(axes: Axes, counts: Counts, names: Sequence[str]) -> None:
    places = range(len(names))
    axes.set_xticks(places, names, rotation=90, fontsize=6)
    axes.set_yticks(places, names, fontsize=6)
    axes.tick_params(length=0)
    for (true, predicted), count in np.ndenumerate(counts.confusion):
        dark = counts.shares[true, predicted] > 0.3
        axes.text(predicted, true, str(count), ha="center", va="center", fontsize=5,
                  color="white" if dark else "0.2")  # fmt: skip


@styled
def class_accuracy(records: Records, inside: Inside) -> Figure:
    """Accuracy of each class, a bar a member; thin lines reach from the lowest to highest seed."""
    counts = counts_of(records, inside)
    rows, note = leading(records, inside, counts, len(SERIES))
    figure, (axes,) = new_figure(ylabel="accuracy (%)")
    figure.set_size_inches(PAGE, 2.3)
    places, width = np.arange(len(classes(inside))), 0.8 / len(rows)
    for index, row in enumerate(rows):
        at = places + (index - (len(rows) - 1) / 2) * width
        _bars(
            axes, at, width, row, [100 * counts[name].shares.diagonal() for name in row.ids], index
        )
    axes.set_xticks(places, [name.replace(" ", "\n") for name in classes(inside)])
    axes.grid(visible=False, axis="x")
    axes.set_ylim(0, 100)
    columns = columns_for([row.label for row in rows], figure)
    figure.legend(loc="outside upper center", ncols=columns)
    seeds = "Thin lines: lowest to highest seed" if records.seeds > 1 else ""
    footer(figure, records, what_is_counted(records, _ids(rows)), seeds, note)
    return figure


def _bars(
    axes: Axes, at: np.ndarray, width: float, row: Row, accuracy: Sequence[np.ndarray], index: int
) -> None:
    shape = look(SERIES, index)
    axes.bar(at, np.mean(accuracy, axis=0), width, label=row.label, linewidth=0.6, zorder=2,
             facecolor=to_rgba(shape.color, 0.4), edgecolor=shape.color, hatch=shape.hatch[:3],
            )  # fmt: skip
    if len(row.ids) > 1:
        axes.vlines(at, np.min(accuracy, axis=0), np.max(accuracy, axis=0), color="0.2",
                    linewidth=0.7, zorder=4)  # fmt: skip


def _ids(rows: Sequence[Row]) -> list[str]:
    return [name for row in rows for name in row.ids]
