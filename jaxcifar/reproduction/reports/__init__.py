"""The pages of the study reports: every published table beside our runs, every claim judged.

The same records give the same bytes: no date, no path.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar.core.files import write_atomically
from jaxcifar.report.html_page import to_html
from jaxcifar.report.markdown import to_markdown
from jaxcifar.reproduction import reference
from jaxcifar.reproduction.reports import page, pictures
from jaxcifar.reproduction.reports.runs import Trained, find

__all__ = ["Source", "Trained", "configs", "find", "write"]


class Source(NamedTuple):
    """A config and the variant of it that has the published size."""

    config: str
    variant: str


def configs(report: str) -> tuple[Source, ...]:
    """The configs of a report (``R0`` to ``R4``), in the order of its tables."""
    tables = reference.load(report.lower())["tables"]
    return tuple(dict.fromkeys(Source(table["config"], table["variant"]) for table in tables))


def write(
    reference: Mapping[str, Any], runs: Mapping[str, Sequence[Trained]], out: Path
) -> tuple[Path, Path]:
    """Draw the figures of a report's runs; write ``OUT/r0.md``, ``OUT/r0.html``, ``OUT/r0/*.png``.

    Works with unfinished runs and without any, which the page then says.

    Args:
        reference: the published numbers, `jaxcifar.report.reference.load("r0")`.
        runs: as `find` finds them.
        out: the folder of the pages.

    Returns: the Markdown and the HTML page.
    """
    name = reference["report"].lower()
    drawn = {
        trained.name: pictures.draw(trained, out, reference)
        for rows in runs.values() for trained in rows
    }  # fmt: skip
    document = page.document(reference, runs, drawn)
    paths = out / f"{name}.md", out / f"{name}.html"
    for path, text in zip(paths, (to_markdown(document), to_html(document)), strict=True):
        write_atomically(path, text.encode())
    return paths
