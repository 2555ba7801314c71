"""The figures of a report's runs: drawn into their folders, the chosen ones copied to the page."""

from pathlib import Path

from jaxcifar import figures
from jaxcifar.files import write_atomically
from jaxcifar.report.blocks import Picture, plural
from jaxcifar.report.published.runs import Trained
from jaxcifar.report.sections import CAPTIONS
from jaxcifar.report.tables import split_name


def draw(trained: Trained, out: Path, report: str) -> list[Picture]:
    """Draw a run's figures and copy them to ``OUT/REPORT/CONFIG-VARIANT/``; PNG files only."""
    place = f"{report}/{trained.config}-{trained.variant or 'clean'}"
    said = f"Data: {trained.run.records.data}, n = {plural(trained.run.records.seeds, 'seed')}."
    pictures = []
    for path in figures.draw_all(trained.folder):
        if path.suffix == ".png":
            write_atomically(out / place / path.name, path.read_bytes())
            caption = f"{CAPTIONS[path.stem].format(split=split_name(trained.run))} {said}"
            pictures.append(Picture(out / place / path.name, f"{place}/{path.name}", "", caption))
    return pictures
