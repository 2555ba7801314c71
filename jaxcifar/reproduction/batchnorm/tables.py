"""Our numbers beside the recorded ones, as tables."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxcifar.core.wording import DASH, known, number, percent
from jaxcifar.report.blocks import Column, Table, short
from jaxcifar.report.statistics import spread
from jaxcifar.report.tables import THRESHOLDS
from jaxcifar.reproduction.batchnorm import measures
from jaxcifar.reproduction.batchnorm.measures import NAMES, NETWORKS, View
from jaxcifar.reproduction.batchnorm.statement import IMAGE
from jaxcifar.reproduction.reference import Curve, curve
from jaxcifar.reproduction.verdicts import LEAST, prediction_interval

Report = Mapping[str, Any]  # a report's part of the reference
SHORT = {"bn": "BN", "plain": "plain"}  # a network in few letters
FEW = 10  # epochs; runs of no more show them all


def over_seeds(values: Sequence[float] | np.ndarray, digits: int, unit: float = 1.0) -> str:
    """``0.597``, or with several seeds ``0.597 (0.590 to 0.604)``: mean, lowest, highest."""
    there = [value for value in values if known(value)]
    if not there:
        return DASH
    mean = number(float(np.mean(there)), digits, unit)
    if len(there) == 1:
        return mean
    return f"{mean} ({number(min(there), digits, unit)} to {number(max(there), digits, unit)})"


def compact(table: Table) -> Table:
    """The table without the columns that hold nothing."""
    copy_records = [
        i for i in range(len(table.columns)) if any(row[i] != DASH for row in table.rows)
    ]
    rows = tuple(tuple(row[i] for i in copy_records) for row in table.rows)
    return Table(tuple(table.columns[i] for i in copy_records), rows)


def at(found: Curve | None, epoch: int, row: int | None = None) -> float:
    """What was recorded at an epoch; NaN where nothing was."""
    if found is None or epoch not in found.epochs:
        return math.nan
    values = found.values if row is None else found.values[row]
    return float(values[list(found.epochs).index(epoch)])


def epochs_shown(last: int, recorded: Sequence[Curve | None]) -> list[int]:
    """All epochs of a short run; of a long one those on record, and the last."""
    if last <= FEW:
        return list(range(1, last + 1))
    there = {int(epoch) for found in recorded if found for epoch in found.epochs}
    return sorted({epoch for epoch in there or range(1, last + 1) if epoch < last} | {last})


def widths(view: View, report: Report, of_means: bool) -> Table:
    """Band width by epoch beside the recorded: over an epoch's steps, or of the epoch means."""
    measure = measures.widths_of_means if of_means else measures.widths
    ours = {network: measure(view, network) for network in NETWORKS}
    recorded = {network: recorded_widths(report, network, of_means) for network in NETWORKS}
    apart = measures.apart(view)
    columns, epochs = [Column("Epoch")], max(values.shape[1] for values in ours.values())
    for name in NAMES.values():
        columns += [Column(f"{name}: ours (nats)"), Column(f"{name}: recorded (nats)")]
    rows = []
    for epoch in epochs_shown(epochs, list(recorded.values())):
        cells = [str(epoch)]
        for network, values in ours.items():
            cells += [_at_epoch(values, epoch, 3), number(at(recorded[network], epoch), 3)]
        rows.append((*cells, DASH if of_means else _at_epoch(apart, epoch, 1, 0.01)))
    return compact(Table((*columns, Column("Bands apart (% of steps)")), tuple(rows)))


def _at_epoch(values: np.ndarray, epoch: int, digits: int, unit: float = 1.0) -> str:
    """Over seeds, of (seeds, epochs)."""
    return over_seeds(values[:, epoch - 1], digits, unit) if epoch <= values.shape[1] else DASH


def recorded_widths(report: Report, network: str, of_means: bool) -> Curve | None:
    """A network's recorded widths; those of epoch means follow from the recorded losses."""
    if not of_means:
        return curve(report, "band_width", network)
    means = curve(report, "train_loss", network)
    return means and Curve(means.epochs, np.ptp(means.values, axis=0))


def accuracy(view: View, report: Report, rates: Sequence[float]) -> Table:
    """Final and best test accuracy beside the recorded, one row a network and learning rate."""
    epochs = int(max(view.run.settings("train.epochs"), default=0))
    whole = epochs == report["config"]["train.epochs"]
    columns = (
        Column("Network", numeric=False), Column("Learning rate"), Column("n"),
        Column("Last weights, ours (%)"), Column("95 % prediction interval (%)"),
        Column(f"Recorded after epoch {epochs} (%)"), Column("Recorded, last epoch (%)"),
        Column("Best weights, ours (%)"), Column("Recorded, best epoch (%)"),
    )  # fmt: skip
    rows = []
    for network, row, lr in _members(view, rates):
        last, best = (measures.tested(view, network, kind)[:, row] for kind in ("last", "best"))
        final, highest = (report.get(f"{k}_accuracy", {}).get(network) for k in ("final", "best"))
        place, found = rates.index(lr), curve(report, "test_accuracy", network)
        rows.append((
            NAMES[network], short(lr), str(spread(list(last)).n), over_seeds(last, 2, 0.01),
            _interval(last), DASH if whole else number(at(found, epochs, place), 2),
            number(final and final[place], 2), over_seeds(best, 2, 0.01),
            number(highest and highest[place], 2),
        ))  # fmt: skip
    return compact(Table(columns, tuple(rows)))


def _members(view: View, rates: Sequence[float]) -> list[tuple[str, int, float]]:
    """Network, row and learning rate, of those rates that were recorded."""
    return [(n, i, lr) for n in NETWORKS for i, lr in enumerate(view.rates) if lr in rates]


def _interval(values: np.ndarray) -> str:
    if spread(list(values)).n < LEAST:
        return DASH
    found = prediction_interval(list(values), resolution=IMAGE)
    return f"{percent(found.low)} to {percent(found.high)}"


def epochs_to(view: View, report: Report, rates: Sequence[float]) -> Table:
    """First epoch that reaches some accuracies, seed by seed, beside the recorded one.

    ``>20``: not within our 20 epochs; never: not within the recorded ones.
    """
    last = f">{int(max(view.run.settings('train.epochs'), default=0))}"
    columns = [Column("Network", numeric=False), Column("Learning rate")]
    for level in THRESHOLDS:
        columns += [Column(f"{100 * level:g} %: ours"), Column(f"{100 * level:g} %: recorded")]
    rows = []
    for network, row, lr in _members(view, rates):
        cells = [NAMES[network], short(lr)]
        for level in THRESHOLDS:
            ours = measures.epochs_to(view, network, level)[:, row]
            found = recorded_epoch(report, network, rates.index(lr), level)
            cells += [", ".join(_epoch(epoch, last) for epoch in ours), found]
        rows.append(tuple(cells))
    return compact(Table(tuple(columns), tuple(rows)))


def _epoch(value: float, last: str = "never") -> str:
    return last if math.isinf(value) else number(value)


def recorded_epoch(report: Report, network: str, row: int, level: float) -> str:
    """The recorded first epoch; from the curve's sparse epochs where it was not taken down."""
    known_ = report.get("epochs_to", {}).get(f"{100 * level:g}")
    if known_:
        return _epoch(math.inf if known_[network][row] is None else known_[network][row])
    found = curve(report, "test_accuracy", network)
    if found is None:
        return DASH
    reached = np.flatnonzero(found.values[row] >= 100 * level)
    if not reached.size:
        return "never"
    first = int(found.epochs[reached[0]])
    before = int(found.epochs[reached[0] - 1]) + 1 if reached[0] else 1
    return str(first) if before == first else f"{before} to {first}"


def spikes(view: View, report: Report) -> Table:
    """Late spikes and the highest loss of each network, beside the recorded."""
    columns = (
        Column("Network", numeric=False), Column("Spikes, ours"), Column("Spikes, recorded"),
        Column("Highest loss, ours (nats)"), Column("at step"),
        Column("Highest loss, recorded (nats)"), Column("at step"),
    )  # fmt: skip
    rows = []
    for network, name in NAMES.items():
        highest, recorded = measures.highest(view, network), report.get("highest_loss", {})
        found = recorded.get(network, {})
        rows.append((
            name, ", ".join(number(count) for count in measures.spikes(view, network)),
            number(report.get("spikes", {}).get(network)),
            ", ".join(number(loss, 3) for loss in highest[:, 0]),
            ", ".join(number(step) for step in highest[:, 1]),
            number(found.get("loss"), 3), number(found.get("step")),
        ))  # fmt: skip
    return compact(Table(columns, tuple(rows)))


def gradient(view: View, report: Report) -> Table | None:
    """Range of the last layer's gradient at the lowest rate; None where it was not recorded."""
    ours = {network: measures.gradient_range(view, network) for network in NETWORKS}
    if not any(np.isfinite(ends).any() for pair in ours.values() for ends in pair):
        return None
    recorded = {n: curve(report, "last_layer_gradient_max", n) for n in NETWORKS}
    columns, epochs = [Column("Epoch")], max(pair[0].shape[1] for pair in ours.values())
    for name in NAMES.values():
        columns += [Column(f"{name}: smallest"), Column(f"{name}: largest"),
                    Column(f"{name}: largest, recorded (read off a plot)")]  # fmt: skip
    rows = []
    for epoch in epochs_shown(epochs, list(recorded.values())):
        cells = [str(epoch)]
        for network, pair in ours.items():
            cells += [_at_epoch(ends, epoch, 4) for ends in pair]
            cells.append(number(at(recorded[network], epoch), 3))
        rows.append(tuple(cells))
    return compact(Table(tuple(columns), tuple(rows)))


def by_epoch(
    view: View, report: Report, rates: Sequence[float], field: str, what: str, digits: int
) -> Table:
    """Epoch means of a step field, ``ours / recorded``, a column a network and learning rate."""
    members = _members(view, rates)
    ours = {network: measures.epoch_means(view, network, field) for network in NETWORKS}
    recorded = {network: curve(report, what, network) for network in NETWORKS}
    columns = [Column("Epoch"), *(Column(f"{SHORT[n]} {short(lr)}") for n, _, lr in members)]
    rows = []
    for epoch in epochs_shown(max(v.shape[2] for v in ours.values()), list(recorded.values())):
        cells = [
            _beside(_mean(ours[network], row, epoch),
                    at(recorded[network], epoch, rates.index(lr)), digits)
            for network, row, lr in members
        ]  # fmt: skip
        rows.append((str(epoch), *cells))
    return Table(tuple(columns), tuple(rows))


def _mean(values: np.ndarray, row: int, epoch: int) -> float:
    if epoch > values.shape[2]:
        return math.nan
    return spread(values[:, row, epoch - 1].tolist()).mean


def _beside(ours: float, recorded: float, digits: int) -> str:
    return f"{number(ours, digits)} / {number(recorded, digits)}"


def first_steps(
    view: View, rates: Sequence[float], field: str, recorded: Mapping[str, Any], digits: int
) -> Table:
    """A step field at the first step, before any update, beside the recorded.

    That has a number a network, or one for each learning rate.
    """
    values = view.run.records.steps[field]
    columns = (Column("Network", numeric=False), Column("Learning rate"),
               Column("Ours"), Column("Recorded"))  # fmt: skip
    rows = []
    for network, row, lr in _members(view, rates):
        first = measures.table(view, network, lambda member, place: values[place, :1])
        found = recorded.get(network)
        there = found[rates.index(lr)] if isinstance(found, list) else found
        rows.append((NAMES[network], short(lr), over_seeds(first[:, row, 0], digits),
                     number(there, digits)))  # fmt: skip
    return compact(Table(columns, tuple(rows)))
