"""Reliability diagrams: accuracy against confidence (Guo et al. 2017, arXiv:1706.04599)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from jaxcifar.figures.shown_members import leading
from jaxcifar.figures.style import COLUMN, PAGE, SERIES, footer, styled
from jaxcifar.figures.test_set_counts import Counts, counts_of, over_seeds, what_is_counted
from jaxcifar.figures.text import columns_for, wrapped
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside


@styled
def reliability(records: Records, inside: Inside) -> Figure:
    """Accuracy in each bin of confidence and its distance to the mean confidence there."""
    counts = counts_of(records, inside)
    rows, note = leading(records, inside, counts, 4)
    figure = Figure(figsize=(COLUMN if len(rows) == 1 else PAGE, 2.9), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(2, len(rows), sharex=True, sharey="row", squeeze=False,
                           height_ratios=(3, 1))  # fmt: skip
    for (upper, lower), row in zip(grid.T, rows, strict=True):
        found = over_seeds(counts, row.ids)
        _bins(upper, lower, found)
        title = wrapped(row.label, figure.get_figwidth() / len(rows) - 0.25)
        upper.set_title(f"{title}\nECE {100 * found.calibration_error:.2f} %")
        lower.set_xlabel("confidence")
    grid[0, 0].set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1), xticks=(0, 0.5, 1))
    grid[1, 0].set(ylabel="images (%)", ylim=(0, None))
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns_for(labels, figure))
    counted = what_is_counted(records, [name for row in rows for name in row.ids])
    error = "ECE: expected calibration error, the gap's mean over images"
    footer(
        figure, records, counted, f"Confidence: probability of the predicted class. {error}", note
    )
    return figure


def _bins(upper: Axes, lower: Axes, counts: Counts) -> None:
    """Above accuracy and gap of the bins that hold images, below the share of images."""
    bins = len(counts.bin_count)
    held = counts.bin_count > 0
    centre = ((np.arange(bins) + 0.5) / bins)[held]
    accuracy, confidence = (
        sums[held] / counts.bin_count[held] for sums in (counts.bin_correct, counts.bin_confidence)
    )
    ours, gap = SERIES[0], SERIES[1]
    upper.bar(centre, accuracy, 1 / bins, color=ours.color, alpha=0.55, edgecolor="white",
              linewidth=0.4, label="accuracy")  # fmt: skip
    upper.bar(centre, confidence - accuracy, 1 / bins, accuracy, color="none", linewidth=0.5,
              edgecolor=gap.color, hatch="//////", label="gap to confidence")  # fmt: skip
    upper.plot([0, 1], [0, 1], color="0.3", linestyle="--", linewidth=0.8, label="calibrated")
    for axes in (upper, lower):
        axes.set_axisbelow(True)
    share = 100 * counts.bin_count / counts.bin_count.sum()
    lower.bar((np.arange(bins) + 0.5) / bins, share, 1 / bins, color="0.6", edgecolor="white",
              linewidth=0.4)  # fmt: skip
