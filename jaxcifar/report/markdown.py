"""A report as Markdown (GitHub's), and a table as plain text for the terminal."""

import re
import textwrap
from collections.abc import Sequence

from jaxcifar.report.blocks import (
    Block,
    Bullets,
    Code,
    Document,
    Facts,
    Gallery,
    Heading,
    Paragraph,
    Table,
)


def to_markdown(document: Document) -> str:
    """The document as Markdown; figures are links into the run folder."""
    parts = [f"# {_inline(document.title)}", *map(_block, document.blocks)]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"## {_inline(text)}"
        case Paragraph(text, kind):
            return {"warning": "> **{}**", "note": "*{}*"}.get(kind, "{}").format(_inline(text))
        case Bullets(items):
            return "\n".join(f"- {_inline(item)}" for item in items)
        case Facts(rows):
            lines = [f"| {_inline(name)} | {_inline(value)} |" for name, value in rows]
            return "\n".join(["| | |", "|---|---|", *lines])
        case Table(columns, rows):
            head = _row([column.title for column in columns])
            rule = "|".join("---:" if column.numeric else "---" for column in columns)
            return "\n".join([head, f"|{rule}|", *map(_row, rows)])
        case Gallery(pictures):
            return "\n\n".join(
                f"![{_inline(p.name)}]({p.place})\n\n*{_inline(f'{p.name}. {p.caption}')}*"
                for p in pictures
            )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_inline, cells))} |"


def _inline(text: str) -> str:
    """Text whose signs mean themselves. An underscore within a word needs no care."""
    if isinstance(text, Code):
        ticks = "``" if "`" in text else "`"
        return ticks + text.replace("|", r"\|").replace("\n", " ") + ticks
    escaped = re.sub(r"([\\`*<>|\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", text)
    return escaped.replace("\n", " ")


def to_text(table: Table) -> str:
    """A table for the terminal: titles are wrapped, columns are as wide as they need to be."""
    keep = [index for index, column in enumerate(table.columns) if column.in_terminal]
    columns = [table.columns[index] for index in keep]
    rows = [[row[index] for index in keep] for row in table.rows]
    widths = [
        max(map(len, [*column.title.split(), *(row[place] for row in rows)]))
        for place, column in enumerate(columns)
    ]
    titles = [textwrap.wrap(c.title, width) for c, width in zip(columns, widths, strict=True)]
    height = max(map(len, titles))
    head = [[""] * (height - len(title)) + title for title in titles]
    lines: list[Sequence[str]] = [*zip(*head, strict=True), ["-" * w for w in widths], *rows]

    def line(cells: Sequence[str]) -> str:
        placed = [
            cell.rjust(width) if column.numeric else cell.ljust(width)
            for cell, width, column in zip(cells, widths, columns, strict=True)
        ]
        return "  ".join(placed).rstrip()

    return "\n".join(map(line, lines))
