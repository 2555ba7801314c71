"""Curves on two logarithmic axes with the best value so far, of every run and of all."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from jaxcifar.figures.curves import LINES, SPLITS
from jaxcifar.figures.shown_members import common_start, names_note
from jaxcifar.figures.style import PAGE, RATES, footer, look, new_figure, styled
from jaxcifar.figures.text import few_numbers, wrapped
from jaxcifar.records.curves import Records

MOST = 18  # names beside a figure
Best = Callable[[np.ndarray], np.ndarray]


class Curve(NamedTuple):
    """One run's values at its evaluations after the start, (E,) each."""

    epochs: np.ndarray
    values: np.ndarray


@styled
def accuracy_best_lines(records: Records) -> Figure:
    """Accuracy of every run and the highest so far, on logarithmic axes."""
    return _best_lines(records, "val_accuracy", "accuracy (%)", 100.0, np.fmax.accumulate)


@styled
def loss_best_lines(records: Records) -> Figure:
    """Loss of every run and the lowest so far, on logarithmic axes."""
    return _best_lines(records, "val_loss", "loss (nats)", 1.0, np.fmin.accumulate)


def curves_of(records: Records, field: str, factor: float = 1.0) -> dict[str, list[Curve]]:
    """The curves of every row of the study, one a seed; evaluations without a value left out."""
    found: dict[str, list[Curve]] = {}
    for member in records.members:
        rows = records.evaluations.get(member.id, {})
        epochs, values = rows.get("epoch", np.empty(0)), rows.get(field, np.empty(0))
        known = np.isfinite(values) & (epochs > 0) & (values > 0)  # what a logarithm can show
        if known.any():
            curve = Curve(epochs[known], factor * values[known])
            found.setdefault(member.study_id, []).append(curve)
    return found


def best_of_all(curves: list[Curve], best: Best) -> Curve:
    """The best value that any run had reached by each epoch."""
    epochs = np.concatenate([curve.epochs for curve in curves])
    values = np.concatenate([curve.values for curve in curves])
    order = np.argsort(epochs, kind="stable")
    at, so_far = epochs[order], best(values[order])
    last = np.append(at[1:] != at[:-1], True)
    return Curve(at[last], so_far[last])


def _best_lines(records: Records, field: str, ylabel: str, factor: float, best: Best) -> Figure:
    found = curves_of(records, field, factor)
    shown, note = _shown(found, best)
    start = common_start(records)
    digits = 1 if factor == 100 else 3
    split = SPLITS.get(records.select_on, records.select_on)
    figure, (axes,) = new_figure(xlabel="epoch", ylabel=ylabel)
    figure.set_size_inches(PAGE, max(2.8, 0.6 + 0.13 * len(shown)))
    for index, name in enumerate(shown):
        color, line = look(RATES, index).color, LINES[index // len(RATES) % len(LINES)]
        for curve in found[name]:
            axes.plot(*curve, color=color, linewidth=0.5, alpha=0.4)
            axes.plot(curve.epochs, best(curve.values), color=color, linestyle=line, linewidth=0.9)
        ends = np.mean([(c.values[-1], best(c.values)[-1]) for c in found[name]], axis=0)
        said = f"{name.removeprefix(start)}: {ends[0]:.{digits}f}, {ends[1]:.{digits}f}"
        label = wrapped(said, 3.0, 6)
        axes.plot([], [], color=color, linestyle=line, linewidth=0.9, label=label)
    whole = best_of_all([curve for curves in found.values() for curve in curves], best)
    axes.plot(*whole, color="0.15", linewidth=2.2, alpha=0.35, zorder=1,
              label=f"best of all runs: {whole.values[-1]:.{digits}f}")  # fmt: skip
    axes.set(xscale="log", yscale="log")
    few_numbers(axes.xaxis, at_least=1.5)
    few_numbers(axes.yaxis, (1, 2, 3, 5, 7))
    figure.legend(loc="outside right upper", fontsize=6, title="last value, best value",
                  title_fontsize=6)  # fmt: skip
    mean = "values at the right are means over seeds" if records.seeds > 1 else ""
    meaning = "; ".join(
        filter(None, [f"On: {split}", "pale: the curve; line: its best so far", mean])
    )
    footer(figure, records, meaning, note, names_note(records))
    return figure


def _shown(found: dict[str, list[Curve]], best: Best) -> tuple[list[str], str]:
    """The rows that have a name beside the figure: all, or those with the best values."""
    if len(found) <= MOST:
        return list(found), ""
    reached = {name: float(best_of_all(curves, best).values[-1]) for name, curves in found.items()}
    order = sorted(found, key=lambda name: reached[name], reverse=best is np.fmax.accumulate)
    kept = set(order[:MOST])
    note = f"Drawn of {len(found)}: the {MOST} members with the best values"
    return [name for name in found if name in kept], note
