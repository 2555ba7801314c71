"""What a notebook shows of a run: the table of its members, a grid of its figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jaxcifar import figures
from jaxcifar.core.errors import UserError, unknown
from jaxcifar.core.files import given
from jaxcifar.figures.style import save
from jaxcifar.report import sections, tables
from jaxcifar.report.blocks import Block, Paragraph
from jaxcifar.report.html_page import fragment
from jaxcifar.report.run_records import read


class Shown(NamedTuple):
    """HTML for a notebook, and words for all that shows none."""

    html: str
    words: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.words


def members(workdir: Path | str) -> str:
    """The table of a run's members as a piece of HTML, with what every reader has to know first.

    Raises: UserError: as `report.write`.
    """
    run = read(given(workdir))
    title = Paragraph(f"{sections.title(run)}: {given(workdir)}", "note")
    blocks: list[Block] = [title, *sections.warnings(run), tables.members(run)]
    return fragment(blocks)


def gallery(workdir: Path | str, names: Sequence[str] = ()) -> Shown:
    """Figures of a run, drawn anew into its folder.

    Args:
        workdir: a run folder.
        names: such as "loss_band_steps"; none = all that its records give.

    Returns: what a notebook shows as a grid.

    Raises: UserError: as `report.write`; a figure that there is not, or whose fields this run did
        not record.
    """
    for name in names:
        if name not in {**figures.FIGURES, **figures.INSIDE}:
            raise unknown("figure", name, [*figures.FIGURES, *figures.INSIDE])
    folder = given(workdir)
    run, drawn = read(folder), dict(figures.drawings(folder, names or None))
    for name in names:
        if name not in drawn:
            raise UserError(f"{folder} has not recorded what the figure {name!r} shows")
    paths = [save(figure, folder / "figures" / name)[0] for name, figure in drawn.items()]
    html = fragment([sections.gallery(run, paths)])
    return Shown(html, "\n".join(map(str, paths)))
