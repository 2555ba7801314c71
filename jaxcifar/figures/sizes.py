"""Accuracy against the number of parameters."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from jaxcifar.figures.point_labels import name_points
from jaxcifar.figures.shown_members import names_note, rows_of
from jaxcifar.figures.style import PAGE, SERIES, footer, new_figure, styled
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside

Published = tuple[str, float, float]  # name, parameters, accuracy in [0, 1]


class Point(NamedTuple):
    """A row of the study: parameters, and the lowest, mean and highest accuracy of its seeds."""

    name: str
    label: str
    parameters: float
    low: float
    mean: float
    high: float


def points_of(records: Records, inside: Inside) -> list[Point]:
    """The rows that were scored on the test set, with the weights that the study reports."""
    select = {member.id: member.select for member in records.members}
    scored = {name: (float(row["parameters"]), accuracy) for name, row in inside.summary.items()
              if name in select and (accuracy := _accuracy(row, select[name])) is not None
             }  # fmt: skip
    found = []
    for row in rows_of(records, scored):
        accuracies = [scored[name][1] for name in row.ids]
        found.append(Point(row.name, row.label, scored[row.ids[0]][0], min(accuracies),
                           float(np.mean(accuracies)), max(accuracies)))  # fmt: skip
    return found


def has_sizes(records: Records, inside: Inside) -> bool:
    """Whether there are networks of different size to compare."""
    return len({point.parameters for point in points_of(records, inside)}) > 1


def _accuracy(row: Any, kind: str) -> float | None:
    value: float | None = row.get("test", {}).get(kind, {}).get("accuracy")
    return value


@styled
def accuracy_by_size(
    records: Records, inside: Inside, published: Sequence[Published] = ()
) -> Figure:
    """Test accuracy of every row of the study over its parameters, and published ones beside.

    Args:
        records, inside: of the run.
        published: (name, parameters, accuracy in [0, 1]) of other people's results; a grey line
            joins those whose name is that of a row.
    """
    ours = points_of(records, inside)
    figure, (axes,) = new_figure(xlabel="parameters", ylabel="test accuracy (%)")
    figure.set_size_inches(PAGE, 3.2)
    axes.set_xscale("log")
    _draw(axes, ours, published)
    axes.margins(0.12)
    _millions(axes)
    if published:
        figure.legend(loc="outside upper center", ncols=2)
    kinds = dict.fromkeys(member.select for member in records.members)
    seeds = "Means over seeds; thin lines: lowest to highest seed" if records.seeds > 1 else ""
    chosen = " (chosen on the test set)" if records.select_on == "test" and "best" in kinds else ""
    footer(figure, records, f"{' / '.join(kinds).capitalize()} weights{chosen}", seeds,
           names_note(records))  # fmt: skip
    names = {point.name for point in ours}
    there = {name: (parameters, 100 * accuracy) for name, parameters, accuracy in published}
    other = {name: place for name, place in there.items() if name not in names}
    name_points(
        figure, axes, [*((p.parameters, 100 * p.mean) for p in ours), *other.values()],
        [*(point.label for point in ours), *other],
        [place for name, place in there.items() if name in names],
    )  # fmt: skip
    return figure


def _draw(axes: Axes, ours: Sequence[Point], published: Sequence[Published]) -> None:
    here, there = SERIES[0], SERIES[1]
    for point in ours:
        axes.vlines(point.parameters, 100 * point.low, 100 * point.high, color=here.color,
                    linewidth=0.7)  # fmt: skip
        for name, parameters, accuracy in published:
            if name == point.name:
                axes.plot([point.parameters, parameters], [100 * point.mean, 100 * accuracy],
                          color="0.75", linewidth=0.6, zorder=1)  # fmt: skip
    axes.plot([p.parameters for p in ours], [100 * p.mean for p in ours], linestyle="",
              marker=here.marker, markersize=4.5, color=here.color, label="ours")  # fmt: skip
    if published:
        x, y = [row[1] for row in published], [100 * row[2] for row in published]
        axes.plot(x, y, linestyle="", marker=there.marker,
                  markersize=4.5, color=there.color, markerfacecolor="white",
                  label="published")  # fmt: skip


def _millions(axes: Axes) -> None:
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1e6:g} M"))
