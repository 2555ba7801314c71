"""Probes along the gradient (after arXiv:1805.11604): what steps of other sizes would have met.

Not to be taken for bands over learning rates: a band here is of one training, at one moment.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxcifar.figures.curves import log_if_wide
from jaxcifar.figures.style import (
    SERIES,
    Look,
    draw_range,
    footer,
    legend,
    look,
    new_figure,
    styled,
)
from jaxcifar.figures.text import columns_for, whole_numbers
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside
from jaxcifar.records.step_probes import StepProbes

EARLY = 100  # steps taken, as in the paper's profile
ACROSS = 4  # panels in a row
Draw = Callable[[Axes, Sequence[StepProbes], Look], Any]


def has_probes(records: Records, inside: Inside) -> bool:
    """Whether any member was probed."""
    return any(len(found.step) for found in inside.step_probes.values())


@styled
def loss_variation(records: Records, inside: Inside) -> Figure:
    """Lowest to highest loss over the step sizes, at each probe."""
    draw = functools.partial(_band, field="losses")
    return _panels(records, inside, "loss along the gradient (nats)", draw, _sizes(inside))


@styled
def gradient_predictiveness(records: Records, inside: Inside) -> Figure:
    """Smallest to largest L2 distance between the gradients there and here, at each probe."""
    draw = functools.partial(_band, field="distance")
    return _panels(records, inside, "L2 change of the gradient", draw, _sizes(inside))


@styled
def gradient_cosine(records: Records, inside: Inside) -> Figure:
    """Smallest to largest cosine between the gradients there and here, at each probe."""
    draw = functools.partial(_band, field="cosine")
    figure = _panels(records, inside, "cosine of the gradients", draw, _sizes(inside), log=False)
    figure.axes[0].set_ylim(-1.05, 1.05)
    return figure


@styled
def effective_smoothness(records: Records, inside: Inside) -> Figure:
    """The largest change of the gradient per distance moved, at each probe."""

    def line(axes: Axes, found: Sequence[StepProbes], shape: Look) -> Any:
        y = _mean([each.smoothness for each in found])
        return axes.plot(found[0].step[: len(y)], y, color=shape.color, linestyle=shape.line)[0]

    note = f"Largest change of the gradient over the distance moved, of {_sizes(inside, 'step')}"
    return _panels(records, inside, "effective beta-smoothness", line, note)


@styled
def distance_profile(records: Records, inside: Inside) -> Figure:
    """Change of the gradient over the step size, at an early probe and at the last."""
    early, late = _early_and_late(inside)

    def lines(axes: Axes, found: Sequence[StepProbes], shape: Look) -> Any:
        for step, line, marker in ((early, "-", shape.marker), (late, ":", "")):
            there = [each.distance[each.step == step][0] for each in found if step in each.step]
            if there:
                axes.plot(found[0].sizes, _mean(there), color=shape.color, linestyle=line,
                          marker=marker, markersize=3)  # fmt: skip
        return Line2D([], [], color=shape.color, marker=shape.marker, markersize=3)

    note = f"Solid: after {early:,} steps; dotted: after {late:,}"
    return _panels(records, inside, "L2 change of the gradient", lines, note, "step size")


def _early_and_late(inside: Inside) -> tuple[int, int]:
    """The probe nearest to `EARLY` steps, and the last."""
    steps = np.unique(np.concatenate([found.step for found in inside.step_probes.values()]))
    return int(steps[np.argmin(np.abs(steps - EARLY))]), int(steps[-1])


def _sizes(inside: Inside, what: str = "lowest to highest of step") -> str:
    """``Shaded: lowest to highest of step sizes 0.05 to 0.4 along the gradient``."""
    found = next(iter(inside.step_probes.values())).sizes
    said = f"{len(found)} sizes from {found.min():g} to {found.max():g} along the gradient"
    if what == "step":
        return said
    return f"Shaded: from lowest to highest over {said} of the minibatch; no such step is taken"


def _panels(
    records: Records, inside: Inside, ylabel: str, draw: Draw, note: str,
    xlabel: str = "training step", log: bool = True,
) -> Figure:  # fmt: skip
    """A panel for each learning rate that was probed, with all networks in it."""
    of = functools.partial(_probes, records, inside.step_probes)
    rates = [lr for lr in records.learning_rates if any(of(s, lr) for s in records.series)]
    figure, panels = new_figure(len(rates), ACROSS, xlabel, ylabel)
    drawn: dict[str, Any] = {}
    for axes, lr in zip(panels, rates, strict=True):
        for index, series in enumerate(records.series):
            if found := of(series, lr):
                drawn[series] = draw(axes, found, look(SERIES, index))
        axes.set_title(f"learning rate {lr:g}")
        if xlabel == "training step":
            axes.xaxis.set_major_locator(whole_numbers())
    if log:
        log_if_wide(panels)
    columns = min(ACROSS, columns_for(list(drawn), figure, 8))
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + 0.17 * ((len(drawn) - 1) // columns))
    legend(figure, list(drawn.values()), list(drawn), loc="outside upper center", ncols=columns)
    mean = f"Mean over {records.seeds} seeds" if records.seeds > 1 else ""
    footer(figure, records, note, mean, _holes(inside))
    return figure


def _probes(
    records: Records, probes: Mapping[str, StepProbes], series: str, lr: float
) -> list[StepProbes]:
    """Of the seeds of a network at a rate, those with a probe."""
    ids = [records.members[row].id for row in records.rows(series, lr)]
    return [probes[name] for name in ids if name in probes and len(probes[name].step)]


def _band(axes: Axes, found: Sequence[StepProbes], shape: Look, *, field: str) -> Any:
    values = [getattr(each, field) for each in found]
    lower = _mean([np.where(np.isnan(v), np.inf, v).min(1) for v in values])
    upper = _mean([np.where(np.isnan(v), -np.inf, v).max(1) for v in values])
    known = np.isfinite(lower) & np.isfinite(upper)
    lower, upper = (np.where(known, edge, np.nan) for edge in (lower, upper))
    return draw_range(axes, found[0].step[: len(lower)], lower, upper, shape)


def _mean(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Over seeds, cut to the shortest."""
    return np.mean([row[: min(map(len, rows))] for row in rows], axis=0)


def _holes(inside: Inside) -> str:
    missing = sum(int(np.isnan(found.losses).sum()) for found in inside.step_probes.values())
    return f"{missing:,} losses were not finite and are left out" if missing else ""
