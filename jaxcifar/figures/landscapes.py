"""Every figure of the landscapes that a run folder holds, from their records alone."""

from collections.abc import Container
from pathlib import Path

from jaxcifar.core.console import say
from jaxcifar.core.files import given
from jaxcifar.figures import surface_page, surfaces
from jaxcifar.figures.style import save
from jaxcifar.records import landscapes


def draw_all(workdir: Path | str, names: Container[str] | None = None) -> list[Path]:
    """Draw landscapes to ``figures/NAME-contour.png``, ..., and ``figures/NAME.html``.

    Members of whom the same was asked share a figure, its axes and its colour scale. Without the
    extra ``landscape`` there are no HTML pages; it says so.

    Args:
        workdir: a run folder.
        names: which, see `landscapes.compared`; None = all.

    Returns: the files written. The same records give the same bytes.

    Raises: UserError: a record is damaged.
    """
    place, files = given(workdir) / "figures", list[Path]()
    for name, found in landscapes.compared(given(workdir)).items():
        if names is not None and name not in names:
            continue
        kinds = surfaces.LINES if found[0].b is None else surfaces.PLANES
        for kind, draw in kinds.items():
            files += save(draw(found), place / f"{name}-{kind}")
        if surface_page.there():
            files.append(surface_page.save(found, place / f"{name}.html"))
        else:
            say(f"{name}.html is left out: it needs pip install 'jaxcifar[landscape]'")
    return files
