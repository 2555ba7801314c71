"""The results page of the BatchNorm study: our runs beside what two reports recorded of it.

The same records give the same bytes: no date, no path.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxcifar.core.errors import UserError
from jaxcifar.core.files import write_atomically
from jaxcifar.core.wording import listed
from jaxcifar.records import study_file
from jaxcifar.report.blocks import Picture
from jaxcifar.report.markdown import to_markdown, to_text
from jaxcifar.report.run_records import read
from jaxcifar.reproduction import reference
from jaxcifar.reproduction.batchnorm import (
    measures,
    page,
    pictures,
    published_size,
    speed,
    study_pictures,
)
from jaxcifar.reproduction.batchnorm.measures import NETWORKS, View
from jaxcifar.reproduction.batchnorm.speed import steady_rate
from jaxcifar.reproduction.batchnorm.studies import KINDS, Study, read_study

__all__ = ["ALONE", "NETWORKS", "speeds", "steady_rate", "write"]

ALONE = "alone.json"  # in a run folder: images a second of a member trained by itself, by network


def write(folders: Sequence[Path], out: Path, checks: Path | None = None) -> Path:
    """Draw the figures of the studies' runs and write ``OUT/bn.md`` and ``OUT/bn/*.png``.

    Works on unfinished runs, which the page then names, as it does studies that have none.

    Args:
        folders: run folders of the study, and of those beside it (`studies.KINDS`).
        out: where the page goes.
        checks: the run folder of single members at R1's own settings, if there is one.

    Returns: the page.
    Raises: UserError: no run folder, no step recorded yet, a damaged file, two runs of one name.
    """
    recorded = reference.load("bn")
    bands, beside = _apart(folders)
    views = [measures.view(read(folder)) for folder in bands]
    studies = [read_study(folder, recorded) for folder in beside]
    studies.sort(key=lambda study: list(KINDS).index(study.kind))
    _distinct([*studies, *views])
    drawn = {study.name: study_pictures.draw(study, out) for study in studies}
    drawn |= {view.name: _draw(view, recorded, out) for view in views}
    alone = {view.name: _alone(folder) for view, folder in zip(views, bands, strict=True)}
    single = read(checks) if checks else None
    text = to_markdown(page.document(views, recorded, drawn, alone, single, studies))
    write_atomically(out / "bn.md", text.encode())
    return out / "bn.md"


def _apart(folders: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The run folders of the study itself, and those of the studies beside it."""
    beside = [folder for folder in folders if study_file.read(folder)["study"] in KINDS]
    return [folder for folder in folders if folder not in beside], beside


def _draw(view: View, recorded: Mapping[str, Any], out: Path) -> list[Picture]:
    report = published_size.follows(view)
    return pictures.draw(view, report, recorded[report], recorded["rates"], out)


def speeds(folders: Sequence[Path]) -> str:
    """Wall time and images a second of the study's own runs, as plain text."""
    parts = []
    for folder in _apart(folders)[0]:
        view = measures.view(read(folder))
        parts += [view.name, to_text(speed.table(view, _alone(folder))), ""]
    return "\n".join(parts)


def _distinct(runs: Sequence[View | Study]) -> None:
    names = [run.name for run in runs]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(
            f"two runs are called {listed(doubled)}\n"
            "make a page of runs that differ in variant or compute type"
        )


def _alone(folder: Path) -> dict[str, float]:
    path = folder / ALONE
    return dict(json.loads(path.read_text())) if path.exists() else {}
