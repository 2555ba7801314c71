"""The BatchNorm landscape: loss bands over learning rates and the range of the last gradient."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxcifar.figures.style import (
    FEW,
    SERIES,
    bin_band,
    bin_size,
    draw_band,
    draw_outermost,
    draw_range,
    footer,
    legend,
    look,
    new_figure,
    page_wide,
    styled,
)
from jaxcifar.figures.text import columns_for, whole_numbers
from jaxcifar.records import bands
from jaxcifar.records.bands import Band
from jaxcifar.records.curves import Records

LETTERS = 36  # of a name within a narrow figure


def series_band(records: Records, series: str) -> Band:
    """The loss band of one network over its learning rates, averaged over seeds, per step.

    Cut to the shortest run. A single learning rate gives a mean without edges.
    """
    return bands.average(seed_bands(records, series, _steps))


def epoch_band(records: Records, series: str) -> Band:
    """As `series_band`, of the epoch means of each run's step losses."""
    return bands.average(seed_bands(records, series, _epoch_means))


def seed_bands(
    records: Records, series: str, curve: Callable[[Records, str, int], np.ndarray]
) -> list[Band]:
    """One band a seed of the curves of a network's losses."""
    per_seed = []
    for replicate in range(records.seeds):
        if rows := records.rows(series, replicate=replicate):
            per_seed.append(_band(_stack([curve(records, "loss", row) for row in rows])))
    return per_seed


def _stack(curves: Sequence[np.ndarray]) -> np.ndarray:
    shortest = min(map(len, curves))
    return np.stack([curve[:shortest] for curve in curves])


def _band(losses: np.ndarray) -> Band:
    if len(losses) > 1:
        return bands.loss_band(losses)
    edge = np.full(losses.shape[1], np.nan)
    return Band(edge, edge, losses[0], np.isfinite(losses).sum(0))


def _steps(records: Records, field: str, row: int) -> np.ndarray:
    return records.steps[field][row, : records.members[row].length]


def _epoch_means(records: Records, field: str, row: int) -> np.ndarray:
    member = records.members[row]
    return bands.epoch_means(_steps(records, field, row), member.steps_per_epoch)


@styled
def loss_band_steps(records: Records) -> Figure:
    """Training loss of every network at each step: min to max over learning rates, and mean.

    Long runs are drawn in bins that keep every extreme; the footer says so.
    """
    figure, (axes,) = new_figure(xlabel="training step", ylabel="training loss, minibatch (nats)")
    drawn, notes = [], [what_is_shaded(records)]
    whole = {series: series_band(records, series) for series in records.series}
    most = max(len(band.mean) for band in whole.values())
    for index, (series, band) in enumerate(whole.items()):
        x, binned = bin_band(band, size := bin_size(most))
        if records.seeds > 1:
            widest = bands.outermost(seed_bands(records, series, _steps))
            draw_outermost(axes, x, bin_band(widest, size)[1], look(SERIES, index))
        drawn.append(draw_band(axes, x, binned, look(SERIES, index)))
    if any(member.diverged > 0 for member in records.members):
        _mark_diverged(axes, records)
        notes.append("\u00d7: last finite loss of a lost run")
    if size > 1:
        notes.append(f"Each point stands for {size} steps: lowest, highest, mean of the mean")
    if most > 1:
        axes.set_xlim(0, most)
    axes.xaxis.set_major_locator(whole_numbers())
    axes.set_title(_title(records, "Training loss"))
    notes.append(_set_top(axes, list(whole.values())))
    _name_networks(axes, figure, drawn, records.series)
    footer(figure, records, *notes)
    return figure


@styled
def loss_band_epochs(records: Records) -> Figure:
    """Mean training loss of every network in each epoch: min to max over learning rates, mean."""
    figure, (axes,) = new_figure(xlabel="epoch", ylabel="training loss, epoch mean (nats)")
    drawn = draw_epoch_bands(axes, records)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(whole_numbers())
    axes.set_title(_title(records, "Training loss"))
    _name_networks(axes, figure, drawn, records.series)
    footer(figure, records, what_is_shaded(records))
    return figure


def draw_epoch_bands(axes: Axes, records: Records) -> list[tuple[Any, ...]]:
    """Draw the epoch bands of all networks; returns what the legend shows."""
    drawn = []
    for index, series in enumerate(records.series):
        band, shape = epoch_band(records, series), look(SERIES, index)
        epochs = np.arange(1, len(band.mean) + 1)
        if records.seeds > 1:
            widest = bands.outermost(seed_bands(records, series, _epoch_means))
            draw_outermost(axes, epochs, widest, shape)
        drawn.append(draw_band(axes, epochs, band, shape, hatch=True))
    return drawn


def _name_networks(
    owner: Axes | Figure, figure: Figure, drawn: Sequence[Any], names: Sequence[str], **options: Any
) -> None:
    """In `owner`'s legend; where they are many or long, at the right of a wider figure."""
    if len(names) <= FEW and max(map(len, names)) <= LETTERS:
        legend(owner, drawn, names, **options)
    else:
        page_wide(figure, len(names))
        legend(figure, drawn, names, loc="outside right upper", fontsize=6)


def _mark_diverged(axes: Axes, records: Records) -> None:
    """A cross at the last finite loss of each run that became non-finite."""
    for row, member in enumerate(records.members):
        if member.diverged > 0:
            last = member.diverged - 1
            axes.plot(last, records.steps["loss"][row, last], "kx", markersize=5, zorder=5)


def _title(records: Records, what: str) -> str:
    rates = records.learning_rates
    if len(rates) == 1:
        return f"{what} at learning rate {rates[0]:g}"
    return f"{what} over {len(rates)} learning rates, {rates[0]:g} to {rates[-1]:g}"


def what_is_shaded(records: Records) -> str:
    """What the band figures say of their fillings and lines."""
    if all(len(records.rows(s, replicate=0)) < 2 for s in records.series):
        return "One learning rate a network: a line, no band"
    seeds = (
        ", each averaged over seeds; pale: as far as any seed reaches" if records.seeds > 1 else ""
    )
    lost = any(member.diverged >= 0 for member in records.members)
    ends = "; the shading ends where a run is lost" if lost else ""
    return f"Shaded: lowest to highest run; line: mean over learning rates{seeds}{ends}"


def _set_top(axes: Axes, whole: Sequence[Band]) -> str:
    """Cut the axis where few steps tower over the rest, and say how many."""
    tops = np.concatenate([np.fmax(band.upper, band.mean) for band in whole])
    tops = tops[np.isfinite(tops)]
    usual = float(np.quantile(tops, 0.98)) if tops.size else 1.0
    if not tops.size or tops.max() < 3 * usual:
        axes.set_ylim(bottom=0)
        return ""
    axes.set_ylim(0, 1.5 * usual)
    above = int((tops > 1.5 * usual).sum())
    return f"{above} points lie above the axis, the highest at {tops.max():.3g}"


@styled
def gradient_range(records: Records) -> Figure:
    """Largest and smallest entry of the last layer's gradient at the lowest learning rate."""
    return _gradient_panels(records, records.learning_rates[:1])


@styled
def gradient_range_all(records: Records) -> Figure:
    """Largest and smallest entry of the last layer's gradient, one panel a learning rate."""
    return _gradient_panels(records, records.learning_rates)


def _gradient_panels(records: Records, rates: Sequence[float]) -> Figure:
    ylabel = "entries of the last layer's gradient"
    figure, panels = new_figure(len(rates), 4, "epoch", ylabel)
    drawn: dict[str, object] = {}
    for axes, lr in zip(panels, rates, strict=True):
        for index, series in enumerate(records.series):
            if rows := records.rows(series, lr):
                lower, upper = _range(records, rows)
                epochs = np.arange(1, len(lower) + 1)
                drawn[series] = draw_range(axes, epochs, lower, upper, look(SERIES, index))
        axes.set_title(f"learning rate {lr:g}")
        axes.xaxis.set_major_locator(whole_numbers())
    names, above = list(drawn), "outside upper center"
    if len(rates) == 1:
        _name_networks(figure, figure, list(drawn.values()), names, loc=above)
    else:
        columns = min(4, columns_for(names, figure, 8))
        width, height = figure.get_size_inches()
        figure.set_size_inches(width, height + 0.17 * ((len(names) - 1) // columns))
        legend(figure, list(drawn.values()), names, loc=above, ncols=columns)
    footer(figure, records, "Shaded: epoch means of each step's smallest and largest entry")
    return figure


def _range(records: Records, rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Epoch means of each step's smallest and largest entry, averaged over seeds."""
    lower, upper = (
        _stack([_epoch_means(records, f"last_layer_grad_{end}", row) for row in rows]).mean(0)
        for end in ("min", "max")
    )
    return lower, upper
