"""A report as one HTML page, or a piece for a notebook, that needs no other file and no network."""

import base64
from collections.abc import Sequence
from html import escape

from jaxcifar.figures.style import fewer_colours
from jaxcifar.report.blocks import (
    Block,
    Bullets,
    Code,
    Column,
    Document,
    Facts,
    Gallery,
    Heading,
    Paragraph,
    Picture,
    Table,
)

FOR_PICTURES = 2_800_000  # bytes, of 3 MB a page; those that no longer fit are named instead
NARROW = 900  # pixels: figures of one column

CSS = """
:root { color-scheme: light dark; }
body { margin: 0; background: #fff; color: #1c1e21; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 2rem 1.5rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .75rem; padding-bottom: .25rem;
     border-bottom: 1px solid #d5d9de; }
p, ul { max-width: 48rem; margin: .5rem 0; }
li { margin: .3rem 0; }
code { font: .875em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.warning { border-left: 4px solid #c2410c; background: #fff5ed; padding: .5rem .9rem; }
.note, figcaption { color: #555b63; font-size: .875rem; }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.4; }
th, td { padding: .3rem .55rem; text-align: left; vertical-align: top; }
thead th { vertical-align: bottom; border-bottom: 2px solid #1c1e21; font-weight: 600; }
tbody tr { border-bottom: 1px solid #e3e6ea; }
tbody th { font-weight: 400; color: #555b63; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td.number { white-space: nowrap; }
thead + tbody td code { overflow-wrap: normal; }
thead + tbody td:not(.number) { min-width: 7.5rem; }
thead + tbody td:first-child code { white-space: nowrap; }
.figures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 2rem; }
figure { margin: 0; grid-column: span 2; }
figure.narrow { grid-column: span 1; }
figure img { display: block; width: 100%; height: auto; }
figcaption { max-width: 48rem; margin-top: .4rem; }
figure img { background: #fff; }
@media screen and (prefers-color-scheme: dark) {
  body { background: #131416; color: #d5d9de; }
  h2, tbody tr { border-color: #3a3f45; }
  thead th { border-color: #d5d9de; }
  .warning { background: #2b1a10; }
  .note, figcaption, tbody th { color: #a3aab2; }
}
@media screen and (max-width: 44rem) { figure.narrow { grid-column: span 2; } }
@media print {
  @page { size: A4; margin: 14mm; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  .wide { overflow: visible; }
  .figures { gap: 6mm; }
  figcaption, .note { font-size: 8pt; }
  table { font-size: 7.5pt; }
  th, td { padding: .15rem .35rem; }
  thead + tbody td:not(.number) { min-width: 0; }
  h2 { break-after: avoid; }
  figure, tr, .warning { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""

PIECE_CSS = """
.jaxcifar .wide { overflow-x: auto; }
.jaxcifar table { border-collapse: collapse; }
.jaxcifar th, .jaxcifar td { padding: .25rem .6rem; text-align: left; vertical-align: top; }
.jaxcifar tbody tr { border-top: 1px solid #8886; }
.jaxcifar .number { text-align: right; font-variant-numeric: tabular-nums; }
.jaxcifar .warning { border-left: 4px solid #c2410c; padding: .3rem .9rem; }
.jaxcifar .note, .jaxcifar figcaption { opacity: .8; font-size: .875em; }
.jaxcifar .figures { display: grid; gap: 1rem;
    grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
.jaxcifar figure { margin: 0; grid-column: 1 / -1; }
.jaxcifar figure.narrow { grid-column: auto; }
.jaxcifar figure img { width: 100%; background: #fff; }
"""
"""Of a piece within another page, whose colours and fonts it takes."""

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<main>
"""
TAIL = "</main>\n</body>\n</html>\n"


def to_html(document: Document) -> str:
    """The document as a page of at most 3 MB, its figures inside."""
    title, room = escape(document.title), FOR_PICTURES
    parts = [HEAD.format(title=title, css=CSS), f"<h1>{title}</h1>\n"]
    for block in document.blocks:
        parts.append(_block(block, room))
        room -= len(parts[-1]) * isinstance(block, Gallery)
    return "".join([*parts, TAIL])


def fragment(blocks: Sequence[Block]) -> str:
    """Some blocks as a piece of a notebook's page; all text is escaped."""
    parts = "".join(_block(block, FOR_PICTURES) for block in blocks)
    return f'<div class="jaxcifar"><style>{PIECE_CSS}</style>\n{parts}</div>'


def _gallery(gallery: Gallery, room: int) -> str:
    """All pictures as they are where there is room for them, else in fewer colours."""
    contents = [picture.path.read_bytes() for picture in gallery.pictures]
    if 4 / 3 * sum(map(len, contents)) > room:  # base64
        contents = [fewer_colours(content) for content in contents]
    parts = []
    for picture, content in zip(gallery.pictures, contents, strict=True):
        figure = _figure(picture, content, room)
        room -= len(figure)
        parts.append(figure)
    return f'<div class="figures">\n{"".join(parts)}</div>\n'


def _figure(picture: Picture, content: bytes, room: int) -> str:
    caption = f"<b>{escape(picture.name)}.</b> {_inline(picture.caption)}"
    encoded = base64.b64encode(content).decode()
    if len(encoded) > room:
        place = _inline(Code(picture.place))
        return f"<figure><figcaption>{caption} Too large for here: {place}.</figcaption></figure>\n"
    width = int.from_bytes(content[16:20])  # where every PNG has it
    style = ' class="narrow"' if width < NARROW else ""
    image = f'<img alt="{escape(picture.name)}" src="data:image/png;base64,{encoded}">'
    return f"<figure{style}>{image}\n<figcaption>{caption}</figcaption></figure>\n"


def _block(block: Block, room: int) -> str:
    match block:
        case Heading(text):
            return f"<h2>{_inline(text)}</h2>\n"
        case Paragraph(text, kind):
            style = f' class="{kind}"' if kind else ""
            return f"<p{style}>{_inline(text)}</p>\n"
        case Bullets(items):
            return f"<ul>\n{''.join(f'<li>{_inline(item)}</li>{chr(10)}' for item in items)}</ul>\n"
        case Facts(rows):
            lines = (
                f'<tr><th scope="row">{_inline(name)}</th><td>{_inline(value)}</td></tr>\n'
                for name, value in rows
            )
            return f'<div class="wide"><table><tbody>\n{"".join(lines)}</tbody></table></div>\n'
        case Table():
            return _table(block)
        case Gallery():
            return _gallery(block, room)


def _table(table: Table) -> str:
    head = "".join(
        f'<th scope="col"{_style(column)}>{_inline(column.title)}</th>' for column in table.columns
    )
    rows = "".join(f"<tr>{''.join(map(_cell, row, table.columns))}</tr>\n" for row in table.rows)
    body = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>"
    return f'<div class="wide"><table>\n{body}</table></div>\n'


def _cell(text: str, column: Column) -> str:
    return f"<td{_style(column)}>{_inline(text)}</td>"


def _style(column: Column) -> str:
    return ' class="number"' if column.numeric else ""


def _inline(text: str) -> str:
    escaped = escape(text, quote=False)
    return f"<code>{escaped}</code>" if isinstance(text, Code) else escaped
