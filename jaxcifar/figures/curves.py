"""Curves of single runs: loss, accuracy, learning rate, gradient norm."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxcifar.figures.shown_members import common_start, names_note
from jaxcifar.figures.style import (
    FEW,
    RATES,
    Look,
    footer,
    look,
    new_figure,
    page_wide,
    plain_numbers,
    styled,
    thinned,
)
from jaxcifar.figures.text import whole_numbers, wrapped
from jaxcifar.records.bands import epoch_means
from jaxcifar.records.curves import Records

LINES = ("-", "--", ":")  # after all colours
LOWEST = 1e-4  # of the highest learning rate
SPLITS = {
    "validation": "validation", "test": "test set", "train": "training images, eval mode",
    "validation_augmented": "validation images augmented as in training",
    "train_augmented": "training images augmented as in training, eval mode",
}  # fmt: skip
Curve = Callable[[int], tuple[np.ndarray, np.ndarray]]  # member -> x, y


@styled
def loss_curves(records: Records) -> Figure:
    """Training and validation loss of every run, a panel a network."""
    figure, panels = _panels(records, "loss (nats)")
    _both_splits(records, panels, "loss", 1.0)
    log_if_wide(panels)
    _finish(figure, records, "Training: mean of the epoch's step losses")
    return figure


@styled
def accuracy_curves(records: Records) -> Figure:
    """Training and validation accuracy of every run, a panel a network."""
    figure, panels = _panels(records, "accuracy (%)")
    _both_splits(records, panels, "accuracy", 100.0)
    _finish(figure, records, "Training: running accuracy of the epoch's minibatches")
    return figure


@styled
def first_conv_gradient(records: Records) -> Figure:
    """L2 norm of the first convolution's kernel gradient, epoch means, a panel a network."""

    def curve(row: int) -> tuple[np.ndarray, np.ndarray]:
        member = records.members[row]
        values = records.steps["first_conv_grad_norm"][row, : member.length]
        means = epoch_means(values, member.steps_per_epoch)
        return np.arange(1, len(means) + 1), means

    figure, panels = _panels(records, "gradient norm, first convolution")
    for axes, series in zip(panels, records.series, strict=True):
        _draw(axes, records, series, curve, "-")
    log_if_wide(panels)
    _finish(figure, records, "Epoch means of the per-step L2 norm of the kernel's gradient", "")
    return figure


@styled
def learning_rates(records: Records) -> Figure:
    """The learning rate at every step; runs with the same rates share a line."""
    figure, (axes,) = new_figure(xlabel="training step", ylabel="learning rate")
    same: dict[bytes, list[int]] = {}
    for row in sorted(range(len(records.members)), key=lambda row: records.members[row].lr):
        same.setdefault(_rates(records, row).tobytes(), []).append(row)
    for index, rows in enumerate(same.values()):
        x, y = thinned(_rates(records, rows[0]))
        shape, label = look(RATES, index), _names(records, rows)
        line = LINES[index // len(RATES) % len(LINES)]
        axes.plot(
            x, y, drawstyle="steps-post", color=shape.color, linestyle=line, label=label,
            marker=shape.marker, markersize=3, markevery=[0],
        )  # fmt: skip
    axes.xaxis.set_major_locator(whole_numbers())
    log_if_wide([axes], at_least=5)
    cut = _cut_below(axes)
    beside = len(same) > FEW
    if beside:
        page_wide(figure, len(same))
    figure.legend(loc="outside right upper" if beside else "outside upper left", fontsize=6)
    footer(figure, records, cut, names_note(records))
    return figure


def _cut_below(axes: Axes) -> str:
    """End a logarithmic axis at `LOWEST` of the highest value: schedules end near 0."""
    bottom, top = axes.get_ylim()
    if axes.get_yscale() != "log" or bottom > LOWEST * top:
        return ""
    axes.set_ylim(LOWEST * top)
    return f"The axis ends at {LOWEST * top:.1g}; rates below it are not shown"


def _rates(records: Records, row: int) -> np.ndarray:
    return records.steps["lr"][row, : records.members[row].length]


def _names(records: Records, rows: Sequence[int], most: int = 3) -> str:
    """The first rows of the study that share a line, and how many more there are."""
    start = common_start(records)
    names = list(dict.fromkeys(records.members[row].study_id for row in rows))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return wrapped(", ".join(n.removeprefix(start) for n in names[:most]) + more, 3.0, 6)


def _panels(records: Records, ylabel: str) -> tuple[Figure, list[Axes]]:
    figure, panels = new_figure(len(records.series), 2, "epoch", ylabel)
    for axes, series in zip(panels, records.series, strict=True):
        axes.set_title(wrapped(series, 2.9))
        axes.xaxis.set_major_locator(whole_numbers())
    return figure, panels


def _both_splits(records: Records, panels: list[Axes], what: str, factor: float) -> None:
    def curve_of(field: str) -> Curve:
        def curve(row: int) -> tuple[np.ndarray, np.ndarray]:
            rows = records.evaluations.get(records.members[row].id, {})
            empty = np.array([])
            return rows.get("epoch", empty), factor * rows.get(field, empty)

        return curve

    for axes, series in zip(panels, records.series, strict=True):
        _draw(axes, records, series, curve_of(f"train_{what}"), ":")
        _draw(axes, records, series, curve_of(f"val_{what}"), "-")


def _draw(axes: Axes, records: Records, series: str, curve: Curve, line: str) -> None:
    """One line a learning rate: the mean over seeds, cut to the shortest."""
    for index, lr in enumerate(records.learning_rates):
        runs = [curve(row) for row in records.rows(series, lr)]
        length = min((len(y) for _, y in runs), default=0)
        if length:
            y = np.mean([y[:length] for _, y in runs], axis=0)
            shape = look(RATES, index)
            axes.plot(
                runs[0][0][:length], y, linestyle=line, color=shape.color,
                marker=shape.marker if line == "-" or length == 1 else "", markersize=3,
                markerfacecolor=shape.color if line == "-" else "white",
                markevery=max(1, length // 8),
            )  # fmt: skip


def log_if_wide(panels: list[Axes], at_least: float = 20) -> None:
    """A logarithmic axis where positive values span more than `at_least` to 1."""
    curves = [line.get_ydata() for axes in panels for line in axes.lines]
    values = np.concatenate([np.empty(0), *curves])
    values = values[np.isfinite(values) & (values > 0)]
    if values.size and values.max() > at_least * values.min():
        panels[0].set_yscale("log")  # the panels share it
        plain_numbers(panels[0])


def _finish(figure: Figure, records: Records, note: str, split: str | None = None) -> None:
    handles = [
        _handle(look(RATES, index), f"lr {lr:g}") for index, lr in enumerate(records.learning_rates)
    ]
    if split is None:
        name = SPLITS.get(records.select_on, records.select_on)
        handles += [
            Line2D([], [], color="0.3", linestyle="-", label=name),
            Line2D([], [], color="0.3", linestyle=":", label="training"),
        ]
    columns = 3 if len(records.series) == 1 else 6
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)
    mean = f"Mean of {records.seeds} seeds" if records.seeds > 1 else ""
    footer(figure, records, note, mean)


def _handle(shape: Look, label: str) -> Line2D:
    return Line2D([], [], color=shape.color, marker=shape.marker, markersize=3, label=label)
