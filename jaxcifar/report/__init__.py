"""Reports of a run, made from its records alone: ``report.md``, ``report.html``, a terminal table.

The same records give the same bytes: no date, no path of the folder.
"""

from pathlib import Path

from jaxcifar import figures
from jaxcifar.core.files import given, write_atomically
from jaxcifar.report import sections, tables
from jaxcifar.report.html_page import to_html
from jaxcifar.report.markdown import to_markdown, to_text
from jaxcifar.report.notebook import Shown, gallery, members
from jaxcifar.report.run_records import read

__all__ = ["Shown", "gallery", "members", "table", "write"]


def write(workdir: Path | str) -> list[Path]:
    """Draw a run's figures and write ``report.md`` and the self-contained ``report.html``.

    Works on unfinished runs, which the report then names.

    Returns: the two files, Markdown first.
    Raises: UserError: no run folder, no step recorded yet, or a damaged file.
        figures.UndrawnError: figures that failed, after the report was written without them.
    """
    folder = given(workdir)
    run = read(folder)
    undrawn = None
    try:
        drawn = figures.draw_all(folder)
    except figures.UndrawnError as error:
        drawn, undrawn = error.files, error
    document = sections.document(run, [path for path in drawn if path.suffix == ".png"])
    written = []
    for name, text in (("report.md", to_markdown(document)), ("report.html", to_html(document))):
        write_atomically(folder / name, text.encode())
        written.append(folder / name)
    if undrawn is not None:
        raise undrawn
    return written


def table(workdir: Path | str) -> str:
    """The members of a run as plain text, with what has to be known about them.

    Raises: UserError: as `write`.
    """
    run = read(given(workdir))
    said = [paragraph.text for paragraph in sections.warnings(run)]
    return "\n".join([sections.title(run), "", to_text(tables.members(run)), "", *said]).rstrip()
