"""What a report is made of, before it is Markdown, HTML or terminal text; and how numbers look."""

from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar import config


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


def short(value: Any) -> str:
    """A setting as briefly as it can be read back; ``none`` for an empty list."""
    return config.short(value) or "none"
