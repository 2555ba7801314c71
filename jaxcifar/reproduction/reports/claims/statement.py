"""The form of a claim: a sentence of a report, and what of it runs measure."""

from collections.abc import Callable
from typing import NamedTuple

from jaxcifar.core.wording import Unit
from jaxcifar.reproduction.reports.measures import Cell
from jaxcifar.reproduction.verdicts import differences

Seeds = tuple[float, ...]  # a number a seed


class Claim(NamedTuple):
    """A statement of a report.

    `combine` makes one number a seed of the cells' numbers. With a `sign` that is judged, and
    `published`, what the report gives, stands beside it. Else a value is judged: `published`, or
    `expected` where the report says it without a number, of which the page shows none.
    """

    text: str
    cells: tuple[Cell, ...]
    published: float | None = None
    sign: int = 0
    combine: Callable[..., Seeds] = differences
    unit: Unit | None = None  # None = of a difference of the first cell's measure
    step: float | None = None  # in which its numbers come; None = as the cells' measures do
    expected: float | None = None
    slack: float = 0.0  # of the value, to either side: what its printed digits leave open

    @property
    def shown_in(self) -> Unit:
        """The unit of its numbers."""
        return self.unit or self.cells[0].row.difference

    @property
    def value(self) -> float | None:
        """The value that is judged; None where its sign is."""
        if self.sign:
            return None
        return self.expected if self.published is None else self.published

    @property
    def resolution(self) -> float:
        """The step in which its numbers come; of several measures the coarsest one's."""
        found = max(cell.row.resolution for cell in self.cells)
        return found if self.step is None else self.step


def itself(values: Seeds) -> Seeds:
    """The numbers of the only cell."""
    return tuple(values)


def highest(*values: Seeds) -> Seeds:
    """Of each seed, the highest number of all cells (R2 prints the peak over a figure's runs)."""
    return tuple(max(row) for row in zip(*values, strict=True))


def lowest(*values: Seeds) -> Seeds:
    """Of each seed, the lowest number of all cells."""
    return tuple(min(row) for row in zip(*values, strict=True))


def higher(
    text: str, first: Cell, second: Cell, published: float | None = None, sign: int = 1
) -> Claim:
    """The claim that the first number is above the second, by `published` where that is known."""
    return Claim(text, (first, second), published, sign)


def lower(text: str, first: Cell, second: Cell, published: float | None = None) -> Claim:
    """The claim that the first number is below the second."""
    return higher(text, first, second, published, sign=-1)


def close(text: str, first: Cell, second: Cell, published: float) -> Claim:
    """The claim of a small difference: judged by its published value, not by a sign."""
    return higher(text, first, second, published, sign=0)


def alike(text: str, first: Cell, second: Cell) -> Claim:
    """The claim of no difference, of which the report gives no number."""
    return Claim(text, (first, second), expected=0.0)


def centred(text: str, cell: Cell) -> Claim:
    """The claim that something is about 0, of which the report gives no number."""
    return Claim(text, (cell,), combine=itself, unit=cell.row.unit, expected=0.0)


def value(text: str, cell: Cell, published: float) -> Claim:
    """The claim of a number."""
    return Claim(text, (cell,), published, combine=itself, unit=cell.row.unit)
