"""Formulas as MathML, which browsers draw themselves: no script, no font, no network."""

from typing import Any, NoReturn

from docutils import nodes
from latex2mathml.converter import convert


def inline(visitor: Any, node: nodes.Element) -> NoReturn:
    """A formula within a line."""
    visitor.body.append(convert(node.astext()))
    raise nodes.SkipNode


def display(visitor: Any, node: nodes.Element) -> NoReturn:
    """A formula of its own, which scrolls on a narrow screen."""
    formula = convert(node.astext(), display="block")
    visitor.body.append(f'<div class="formula">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Sphinx calls it."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
