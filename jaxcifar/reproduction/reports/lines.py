"""The lines of a published table: what stands in it, and what our runs measure of it.

A published value may be a number, a reading off a plot (to about a point), the range that several
rows end in, or the highest of all runs of a figure.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.core.wording import Unit, known
from jaxcifar.reproduction.reports.measures import Cell, values
from jaxcifar.reproduction.reports.runs import Trained
from jaxcifar.reproduction.verdicts import Finding

Published = Mapping[str, Any]  # a table of the reference
READING = 0.01  # of an accuracy that was read off a plot: to either side
PRINTED = 0.005  # half of the last digit that figures print of their peaks: to either side
UNPUBLISHED = ("test_best", "test_last")  # what rows without a published number show
PEAKS = {"test_peak": ("test_peak", max), "test_loss": ("test_loss_peak", min)}


class Value(NamedTuple):
    """A published value: from `low` to `high`, known to `slack` to either side.

    `read` says that it was read off a plot.
    """

    low: float
    high: float
    read: bool = False
    slack: float = 0.0

    @property
    def middle(self) -> float:
        """The value itself; of a range, its middle."""
        return (self.low + self.high) / 2

    def text(self, unit: Unit) -> str:
        """``88.42``, ``~53.00``, ``~72.00 to 74.00``."""
        both = [unit.show(self.low), *([unit.show(self.high)] if self.high != self.low else [])]
        return "~" * self.read + " to ".join(both)

    def nearest(self, number: float) -> float:
        """What of it is nearest to a number, within its slack."""
        return float(np.clip(number, self.low - self.slack, self.high + self.slack))


def read_off(low: float, high: float) -> Value:
    """A value that was read off a plot."""
    return Value(low, high, True, READING)


class Line(NamedTuple):
    """A line of a table; of several cells, the highest or lowest a seed."""

    name: str
    setting: str
    cells: tuple[Cell, ...]
    value: Value | None
    combine: Any = max

    @property
    def measure(self) -> Cell:
        """A cell that has the line's measure."""
        return self.cells[0]


def lines(table: Published) -> list[Line]:
    """A line a row and measure, then those of the whole figure."""
    return [line for row in table["rows"] for line in _of_row(table, row)] + [*_peaks(table)]


def _of_row(table: Published, row: Mapping[str, Any]) -> Iterator[Line]:
    kind = read_off if row["approximate"] else Value
    found = {name: kind(x, x) for name, x in row["published"].items()}
    for part in table.get("ranges", ()):
        if row["id"] in part["rows"]:
            ends = {name: pair for name, pair in part.items() if name != "rows"}
            found |= {name: read_off(low, high) for name, (low, high) in ends.items()}
    for name, value in (found or dict.fromkeys(_usual(table))).items():
        yield Line(row["id"], row["setting"], (Cell(table["config"], row["member"], name),), value)


def _usual(table: Published) -> tuple[str, ...]:
    """What the table's other rows report."""
    first: Mapping[str, float] = next(filter(None, (row["published"] for row in table["rows"])), {})
    ranges = [name for part in table.get("ranges", ()) for name in part if name != "rows"]
    return tuple([*first, *ranges][:1]) or UNPUBLISHED


def _peaks(table: Published) -> Iterator[Line]:
    members = [row["member"] for row in table["rows"]]
    for name, value in table.get("peak", {}).items():
        measure, combine = PEAKS[name]
        cells = tuple(Cell(table["config"], member, measure) for member in members)
        printed = Value(value, value, slack=PRINTED)
        yield Line("all rows", "printed in the figure", cells, printed, combine)


def ours(line: Line, trained: Trained) -> tuple[float, ...]:
    """The line's numbers, one a seed; NaN where one of its cells has none."""
    found = zip(*(values(trained, cell) for cell in line.cells), strict=False)
    return tuple(
        float(line.combine(row)) if all(map(known, row)) else float("nan") for row in found
    )


def finding(line: Line, trained: Trained | None) -> Finding:
    """What the verdict rule needs of a line."""
    if trained is None:
        return Finding((), at_size=False)
    numbers = ours(line, trained)
    there = [number for number in numbers if known(number)]
    published = line.value.nearest(float(np.mean(there))) if line.value and there else None
    at_size = all(trained.at_size(cell.member) for cell in line.cells)
    resolution = line.measure.row.resolution
    return Finding(numbers, published, at_size=at_size, resolution=resolution)
