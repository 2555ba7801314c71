"""Where CIFAR-10 is looked for, in which order, and what was found there."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from jaxcifar.core.errors import UserError
from jaxcifar.core.files import given, home
from jaxcifar.data.formats import other_sets
from jaxcifar.data.formats.layouts import LAYOUTS, Layout
from jaxcifar.data.looking import exists, is_file, names_in, reason

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
        try:
            if source := look(path, why):
                return source
            hint = _hint(path)
        except (OSError, ValueError) as error:  # of a folder that is closed to this user
            hint = f", which cannot be read ({reason(error)})"
        if on_purpose:
            raise UserError(f"no CIFAR-10 in {path} ({why}){hint}\n{WAYS_OUT}")
        looked.append(f"{path}{hint}")
    raise UserError(f"no CIFAR-10 found in {' or '.join(looked) or 'a home folder'}\n{WAYS_OUT}")


def look(path: Path, why: str) -> Source | None:
    """The CIFAR-10 at `path`, if there is one: a layout's folder, its parent, or an archive.

    What is whole goes before a folder that lacks files. Raises: OSError: `path` cannot be read.
    """
    if is_file(path):
        return Source(path, "archive", why)
    found = [*_whole(path, why), *_folders(path, why, any)]
    return found[0] if found else None


def _whole(path: Path, why: str) -> Iterator[Source]:
    yield from _folders(path, why, all)
    for layout in LAYOUTS:
        if is_file(path / layout.archive):
            yield Source(path / layout.archive, "archive", why)
    for folder in _tfds_folders(path):
        if any(".array_record-" in name for name in names_in(folder)):
            yield Source(folder, "tfds", why)


def _folders(path: Path, why: str, enough: Callable[[Iterable[object]], bool]) -> Iterator[Source]:
    """The folders of layouts that have all, or any, of their files."""
    for layout in LAYOUTS:
        for folder in (path, path / layout.folder):
            if enough(is_file(folder / name) for name in layout.files):
                yield Source(folder, "folder", why, layout)


def user_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of what this package may keep: $XDG_CACHE_HOME/jaxcifar or ~/.cache/jaxcifar.

    Raises: UserError: no home folder is known.
    """
    root = environ.get("XDG_CACHE_HOME")
    return (given(root) if root else home() / ".cache") / "jaxcifar"


def tfds_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Where TFDS keeps its sets: $TFDS_DATA_DIR or ~/tensorflow_datasets.

    Raises: UserError: no home folder is known.
    """
    root = environ.get("TFDS_DATA_DIR")
    return given(root) if root else home() / "tensorflow_datasets"


def _places(directory: str | None, environ: Mapping[str, str]) -> Iterator[tuple[str, Path, bool]]:
    """Reason, path, and whether the user named it on purpose."""
    if directory is not None:
        yield "data.dir", given(directory), True
    elif environ.get("JAXCIFAR_DATA"):
        yield "$JAXCIFAR_DATA", given(environ["JAXCIFAR_DATA"]), True
    for why, place in (("prepared by TFDS", tfds_home), ("user cache", user_cache)):
        try:
            path = place(environ)
        except UserError:  # without a home folder there is no such place
            continue
        yield why, path, False


def _tfds_folders(path: Path) -> Iterator[Path]:
    for folder in (path / TFDS_SET, path / TFDS_SET.name, path):
        if folder.parent.name == TFDS_SET.parent.name and is_file(folder / "dataset_info.json"):
            yield folder


def _hint(path: Path) -> str:
    """What is there instead, where that helps. Raises: OSError: `path` cannot be read."""
    if not exists(path):
        return ", which does not exist"
    for folder in _tfds_folders(path):
        if any(".tfrecord-" in name for name in names_in(folder)):
            return ", only a TFRECORD set, which needs TensorFlow; array_record is read without it"
    another = other_sets.by_names([*path.parts[-2:], *names_in(path)])
    return f", which has {another}" if another else ""
