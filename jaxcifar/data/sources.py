"""Where CIFAR-10 is looked for, in which order, and what was found there."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from jaxcifar.core.errors import UserError
from jaxcifar.data.formats.layouts import LAYOUTS, Layout

TFDS_SET = Path("cifar10", "3.0.2")
WAYS_OUT = (
    "point to the files with --config.data.dir=DIR or JAXCIFAR_DATA=DIR, or fetch them: "
    "`python -m jaxcifar.data prepare`\n"
    "or train on generated images: --config.data.name=synthetic"
)


class Source(NamedTuple):
    """A CIFAR-10 on disk: `kind` is "folder", "archive" or "tfds"; `why` it was chosen."""

    path: Path
    kind: str
    why: str
    layout: Layout | None = None  # of a folder


def locate(directory: str | None, environ: Mapping[str, str] = os.environ) -> Source:
    """The CIFAR-10 that would be read; opens no data file.

    Order: `directory`, else $JAXCIFAR_DATA, else a set prepared by TFDS ($TFDS_DATA_DIR or
    ~/tensorflow_datasets), else the user cache. A place named on purpose (the first two) must
    hold one. Each may be the folder of a layout, its parent, or a .tar.gz.

    Raises: UserError: nothing there, or nothing anywhere.
    """
    looked = []
    for why, path, on_purpose in _places(directory, environ):
        source = look(path, why)
        if source is not None:
            return source
        if on_purpose:
            raise UserError(f"no CIFAR-10 in {path} ({why}){_hint(path)}\n{WAYS_OUT}")
        looked.append(f"{path}{_hint(path)}")
    raise UserError(f"no CIFAR-10 found in {' or '.join(looked)}\n{WAYS_OUT}")


def look(path: Path, why: str) -> Source | None:
    """The CIFAR-10 at `path`, if there is one: a layout's folder, its parent, or an archive."""
    if path.is_file():
        return Source(path, "archive", why)
    for layout in LAYOUTS:
        for folder in (path, path / layout.folder):
            if any((folder / name).is_file() for name in layout.files):
                return Source(folder, "folder", why, layout)
    for layout in LAYOUTS:
        if (path / layout.archive).is_file():
            return Source(path / layout.archive, "archive", why)
    for folder in _tfds_folders(path):
        if any(folder.glob("*.array_record-*")):
            return Source(folder, "tfds", why)
    return None


def user_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of what this package may keep: $XDG_CACHE_HOME/jaxcifar or ~/.cache/jaxcifar."""
    given = environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "jaxcifar"


def tfds_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Where TFDS keeps its sets: $TFDS_DATA_DIR or ~/tensorflow_datasets."""
    given = environ.get("TFDS_DATA_DIR")
    return Path(given).expanduser() if given else Path.home() / "tensorflow_datasets"


def _places(directory: str | None, environ: Mapping[str, str]) -> Iterator[tuple[str, Path, bool]]:
    """Reason, path, and whether the user named it on purpose."""
    if directory is not None:
        yield "data.dir", Path(directory).expanduser(), True
    elif environ.get("JAXCIFAR_DATA"):
        yield "$JAXCIFAR_DATA", Path(environ["JAXCIFAR_DATA"]).expanduser(), True
    yield "prepared by TFDS", tfds_home(environ), False
    yield "user cache", user_cache(environ), False


def _tfds_folders(path: Path) -> Iterator[Path]:
    for folder in (path / TFDS_SET, path / TFDS_SET.name, path):
        if (folder / "dataset_info.json").is_file() and folder.parent.name == TFDS_SET.parent.name:
            yield folder


def _hint(path: Path) -> str:
    """What is there instead, where that helps."""
    if not path.exists():
        return ", which does not exist"
    if any(True for folder in _tfds_folders(path) for _ in folder.glob("*.tfrecord-*")):
        return ", only a TFRECORD set, which needs TensorFlow; array_record is read without it"
    return ""
