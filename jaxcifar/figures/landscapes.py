"""Every figure of the landscapes that a run folder holds, from their records alone."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from jaxcifar.core.console import say
from jaxcifar.core.errors import UserError
from jaxcifar.core.files import given
from jaxcifar.figures import shifts_of_weights, spectrum, surface_page, surfaces
from jaxcifar.figures.groups import Draw, drawable, save_all
from jaxcifar.records import covariate_shift, hessians, landscapes
from jaxcifar.records.landscapes import Landscape


class Kind(NamedTuple):
    """A kind of records: what reads those that are compared, and what draws these."""

    compared: Callable[[Path], Mapping[str, Sequence[Any]]]  # by the beginning of figures' names
    figures: Callable[[Sequence[Any]], Mapping[str, Draw]]  # by how their names end


def _of_surfaces(found: Sequence[Landscape]) -> Mapping[str, Draw]:
    return surfaces.LINES if found[0].b is None else surfaces.PLANES


KINDS = {
    "landscapes": Kind(landscapes.compared, _of_surfaces),
    "hessians": Kind(hessians.compared, partial(drawable, spectrum.FIGURES)),
    "shifts": Kind(covariate_shift.compared, partial(drawable, shifts_of_weights.FIGURES)),
}


def rows(workdir: Path | str) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """What draws each figure of all records in a run folder's ``landscape``, by its name.

    Where a record is damaged, its kind stands for all figures of it; drawing that says why.
    """
    folder = given(workdir)
    for name, kind in KINDS.items() if (folder / landscapes.FOLDER).is_dir() else ():
        try:
            groups = kind.compared(folder)
        except UserError as error:
            yield name, partial(_fail, error)
            continue
        for group, found in groups.items():
            for end, draw in kind.figures(found).items():
                yield f"{group}-{end}", partial(draw, found)


def _fail(error: UserError) -> Figure:
    raise error


def draw_all(workdir: Path | str, names: Container[str] | None = None) -> list[Path]:
    """Draw surfaces and lines to ``figures/NAME-contour.png``, ..., and ``figures/NAME.html``.

    Members of whom the same was asked share a figure, its axes and its colour scale.

    Args:
        workdir: a run folder.
        names: which, see `landscapes.compared`; None = all.

    Returns: the files written. The same records give the same bytes.

    Raises: UserError: a record is damaged.
    """
    groups = landscapes.compared(given(workdir))
    return save_all(workdir, groups, _of_surfaces, names) + pages(workdir, names)


def pages(workdir: Path | str, names: Container[str] | None = None) -> list[Path]:
    """Write surfaces and lines as pages to turn and zoom: the HTML files of `draw_all`.

    Without the extra ``landscape`` there are none; it says so.
    """
    place, files = given(workdir) / "figures", list[Path]()
    for name, found in landscapes.compared(given(workdir)).items():
        if names is not None and name not in names:
            continue
        if surface_page.there():
            files.append(surface_page.save(found, place / f"{name}.html"))
        else:
            say(f"{name}.html is left out: it needs pip install 'jaxcifar[landscape]'")
    return files
