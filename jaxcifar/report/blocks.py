"""What a report is made of, before it is Markdown, HTML or terminal text; and how numbers look."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar import config

DASH = "\u2013"  # not recorded, or there is none


class Code(str):
    """Text that is shown as it would be typed."""


class Heading(NamedTuple):
    """Starts a section."""

    text: str


class Paragraph(NamedTuple):
    """Running text; `kind` is "", "warning" (must not be overlooked) or "note" (small print)."""

    text: str
    kind: str = ""


class Bullets(NamedTuple):
    """A list of sentences."""

    items: tuple[str, ...]


class Column(NamedTuple):
    """One column of a table; numbers stand at the right, and a terminal leaves some out."""

    title: str
    numeric: bool = True
    in_terminal: bool = True


class Table(NamedTuple):
    """Rows of text under columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


class Facts(NamedTuple):
    """Names and values, a line each."""

    rows: tuple[tuple[str, str], ...]


class Picture(NamedTuple):
    """A PNG file, and its place relative to the run folder."""

    path: Path
    place: str
    name: str
    caption: str


class Gallery(NamedTuple):
    """Pictures, narrow ones side by side where there is room."""

    pictures: tuple[Picture, ...]


Block = Heading | Paragraph | Bullets | Table | Facts | Gallery


class Document(NamedTuple):
    """A whole report."""

    title: str
    blocks: tuple[Block, ...]


def known(value: Any) -> bool:
    """Whether a recorded value is there and finite."""
    return value is not None and math.isfinite(value)


def number(value: Any, digits: int = 0, unit: float = 1.0) -> str:
    """``1,234.50``, in units of `unit`; a dash for None and for what is not finite."""
    return f"{value / unit:,.{digits}f}" if known(value) else DASH


def percent(fraction: Any) -> str:
    """A fraction in [0, 1] as percent with two digits, without the sign."""
    return number(fraction, 2, 0.01)


class Unit(NamedTuple):
    """How a measure's numbers are shown: times `scale`, with so many digits."""

    name: str
    digits: int
    scale: float = 1.0

    def show(self, value: Any) -> str:
        """The number alone; a dash where there is none."""
        return number(value, self.digits, 1 / self.scale)


def p_value(p: float) -> str:
    """A p value with four digits; a dash where there is none."""
    return "<0.0001" if p < 1e-4 else number(p, 4)


def short(value: Any) -> str:
    """A setting as briefly as it can be read back; ``none`` for an empty list."""
    return config.short(value) or "none"


def plural(count: int, word: str) -> str:
    """``1 member``, ``1,234 members``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def listed(words: Sequence[str], most: int = 8) -> str:
    """``a, b and c``; where there are many, the first ones and how many more."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
