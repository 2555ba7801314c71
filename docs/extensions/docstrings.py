"""The house's docstrings as reStructuredText, and the fields of its tuples and dataclasses.

A docstring has plain paragraphs, ``Args:``, ``Returns:`` and ``Raises:``, with text on the same
line or indented below, and examples that begin with ``>>>``. Fields are told by comments in the
source, or in the docstring under ``Fields:``.
"""

import ast
import dataclasses
import inspect
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

HEADINGS = {"Args": "Arguments", "Attributes": "Attributes", "Fields": "Fields",
            "Returns": "Returns", "Raises": "Raises"}  # fmt: skip
LISTED = ("Args", "Attributes", "Fields")
HEADING = re.compile(rf"({'|'.join(HEADINGS)}):(?: +(.*))?$")
ENTRY = re.compile(r"(\*{0,2}[A-Za-z_][\w.]*(?:, \*{0,2}[A-Za-z_][\w.]*)*): (.*)")
QUOTED = re.compile(r"(``.+?``|`.+?`)")
SPECIAL = re.compile(r"([*|\\]|_(?!\w))")


class Field(NamedTuple):
    """A field of a class, as its source tells it."""

    name: str
    kind: str  # its annotation
    default: str | None  # None = it must be given
    said: str  # the comments beside and above it


def to_rst(lines: Sequence[str]) -> list[str]:
    """A docstring's lines as reStructuredText."""
    out: list[str] = []
    for block in _blocks(lines):
        heading = HEADING.match(block[0])
        if block[0].startswith(">>>"):
            out += [".. code-block:: pycon", "", *(f"    {line}" for line in block), ""]
        elif heading is None:
            out += [*map(plain, block), ""]
        else:
            name, first = heading.groups()
            below = textwrap.dedent("\n".join(block[1:])).strip("\n")
            if name in LISTED and not first:
                body = list(_entries(below.split("\n")))
            else:
                body = list(map(plain, "\n".join(filter(None, (first, below))).split("\n")))
            out += [f":{HEADINGS[name]}:", *(f"    {line}".rstrip() for line in body), ""]
    return out


def plain(text: str) -> str:
    """Text whose stars, bars and underscores are themselves; what is in backquotes stays."""
    parts = QUOTED.split(text)
    return "".join(part if QUOTED.fullmatch(part) else SPECIAL.sub(r"\\\1", part) for part in parts)


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Paragraphs; a heading and all that is indented below it is one, blank lines included."""
    block: list[str] = []
    for line in lines:
        heading, example = HEADING.match(line), line.startswith(">>>")
        if block and HEADING.match(block[0]):
            left = bool(line) and not line.startswith(" ") and not block[-1]
            ends = heading or example or left
        else:
            ends = not line or heading or (example and block[:1] and block[0][:3] != ">>>")
        if block and ends:
            yield block
            block = []
        if line or block:
            block.append(line)
    if block:
        yield block


def _entries(lines: Sequence[str]) -> Iterator[str]:
    """``name: text`` and its continuations as items of a list."""
    for line in lines:
        entry = ENTRY.match(line)
        if entry:
            yield f"* **{plain(entry[1])}**: {plain(entry[2])}"
        elif line:
            yield f"  {plain(line.strip())}"


def fields(cls: type) -> list[Field]:
    """The annotated fields of a class in the order of its source; none where it has no source."""
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):
        return []
    comments = {
        token.start: token.string.lstrip("# ").removeprefix("fmt: skip")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    beside = {row: text for (row, column), text in comments.items() if column > 4}
    above = {row: text for (row, column), text in comments.items() if column == 4}
    found = []
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            first, row = [], node.lineno - 1
            while row in above:
                first.insert(0, above[row])
                row -= 1
            last = [beside[row] for row in range(node.lineno, node.end_lineno + 1) if row in beside]
            default = None if node.value is None else ast.unparse(node.value)
            said = " ".join(part for part in (*first, *last) if part)
            kind = ast.unparse(node.annotation)
            found.append(Field(node.target.id, kind, default, said))
    return found


def with_fields(cls: type) -> bool:
    """Whether a class is a named tuple or a dataclass: its fields are what it holds."""
    return dataclasses.is_dataclass(cls) or (issubclass(cls, tuple) and hasattr(cls, "_fields"))


def field_list(cls: type) -> list[str]:
    """The fields as a list in reStructuredText, after the docstring."""
    rows = []
    for field in fields(cls):
        default = "" if field.default is None else f" = {_code(field.default)}"
        said = f": {plain(field.said)}" if field.said else ""
        rows.append(f"    * **{plain(field.name)}** ({_code(field.kind)}){default}{said}")
    return [":Fields:", *rows, ""] if rows else []


def _code(text: str) -> str:
    """Code in one line; what builds a default is left out."""
    made = re.match(r"field\(default_factory=(\w+)\)", text)
    return f"``{made[1] + '()' if made else text}``"


def process(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Sphinx asks for the docstring of one object, in place."""
    made = to_rst(lines)
    told = {":Fields:", ":Attributes:"} & {*made}
    if what == "class" and with_fields(thing) and not told:
        made = ["", *made, *field_list(thing)]
    lines[:] = made


def sign(
    app: Any, what: str, name: str, thing: Any, options: Any, signature: Any, returns: Any
) -> tuple[str, None] | None:
    """Sphinx asks how an object is called: with its fields, which are told below."""
    return ("", None) if what == "class" and with_fields(thing) else None


def skip(app: Any, what: str, name: str, thing: Any, skipped: bool, options: Any) -> bool | None:
    """Fields stand in the list of their class, and not once more as members."""
    is_field = type(thing).__name__ in ("_tuplegetter", "member_descriptor")
    return True if what == "class" and is_field else None


def setup(app: Any) -> dict[str, bool]:
    """Sphinx calls it."""
    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-process-signature", sign)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
