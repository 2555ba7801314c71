"""The results page of the BatchNorm study: our runs beside what two reports recorded of it.

The same records give the same bytes: no date, no path.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from jaxcifar.core.errors import UserError
from jaxcifar.core.files import write_atomically
from jaxcifar.core.wording import listed
from jaxcifar.report.markdown import to_markdown, to_text
from jaxcifar.report.run_records import read
from jaxcifar.reproduction import reference
from jaxcifar.reproduction.batchnorm import measures, page, pictures, published_size, speed
from jaxcifar.reproduction.batchnorm.measures import NETWORKS, View
from jaxcifar.reproduction.batchnorm.speed import steady_rate

__all__ = ["ALONE", "NETWORKS", "speeds", "steady_rate", "write"]

ALONE = "alone.json"  # in a run folder: images a second of a member trained by itself, by network


def write(folders: Sequence[Path], out: Path, checks: Path | None = None) -> Path:
    """Draw the figures of the study's runs and write ``OUT/bn.md`` and ``OUT/bn/*.png``.

    Works on unfinished runs, which the page then names.

    Args:
        folders: run folders of the study.
        out: where the page goes.
        checks: the run folder of single members at R1's own settings, if there is one.

    Returns: the page.
    Raises: UserError: no run folder, no step recorded yet, a damaged file, two runs of one name.
    """
    views = [measures.view(read(folder)) for folder in folders]
    _distinct(views)
    recorded = reference.load("bn")
    drawn = {
        view.name: pictures.draw(
            view,
            published_size.follows(view),
            recorded[published_size.follows(view)],
            recorded["rates"],
            out,
        )
        for view in views
    }
    alone = {view.name: _alone(folder) for view, folder in zip(views, folders, strict=True)}
    beside = read(checks) if checks else None
    text = to_markdown(page.document(views, recorded, drawn, alone, beside))
    write_atomically(out / "bn.md", text.encode())
    return out / "bn.md"


def speeds(folders: Sequence[Path]) -> str:
    """Wall time and images a second of the study's runs, as plain text."""
    parts = []
    for folder in folders:
        view = measures.view(read(folder))
        parts += [view.name, to_text(speed.table(view, _alone(folder))), ""]
    return "\n".join(parts)


def _distinct(views: Sequence[View]) -> None:
    names = [view.name for view in views]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(
            f"two runs are called {listed(doubled)}\n"
            "make a page of runs that differ in variant or compute type"
        )


def _alone(folder: Path) -> dict[str, float]:
    path = folder / ALONE
    return dict(json.loads(path.read_text())) if path.exists() else {}
