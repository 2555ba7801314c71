"""Folders and archives of the published layouts to records, nothing written to disk."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from jaxcifar.core.errors import UserError
from jaxcifar.data.dataset import Bytes
from jaxcifar.data.formats import other_sets
from jaxcifar.data.formats.layouts import AGAIN, LAYOUTS, Layout
from jaxcifar.data.looking import is_file, unreadable

MAGIC = b"\x1f\x8b"  # what a gzip file begins with


def read_folder(folder: Path, layout: Layout) -> Bytes:
    """All batches of a folder such as cifar-10-batches-bin.

    Returns: (60000, 3073) uint8, the train split first.
    Raises: UserError: a batch is missing, unreadable or not as published.
    """
    try:
        missing = [name for name in layout.files if not is_file(folder / name)]
    except OSError as error:
        raise unreadable(folder, error) from None
    if missing:
        raise _missing(str(folder), missing, layout)
    return np.concatenate([_read_file(folder / name, layout) for name in layout.files])


def _read_file(path: Path, layout: Layout) -> Bytes:
    try:
        _check_size(path.stat().st_size, str(path), layout)
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None
    return layout.parse(content, str(path))


def read_archive(path: Path, layouts: Sequence[Layout] = LAYOUTS) -> Bytes:
    """All batches of a .tar.gz of either layout, unpacked in memory only.

    Members are looked up by name, so others, and paths that lead elsewhere, have no effect. The
    stream is read to its end, where gzip's own checksum is, before any batch is looked into.

    Returns: (60000, 3073) uint8, the train split first.
    Raises: UserError: not a .tar.gz, damaged, of CIFAR-100, a batch is missing or not as published.
    """
    try:
        places, found = _unpacked(path, layouts)
    except (OSError, EOFError, tarfile.TarError, zlib.error, ValueError) as error:
        raise _no_archive(path, error, layouts) from None
    layout = max(layouts, key=lambda layout: len(found.keys() & set(layout.files)))
    missing = [name for name in layout.files if name not in found]
    if missing:
        raise _missing(str(path), missing, layout, other_sets.by_names(places))
    return np.concatenate([_parsed(found[name], layout, str(path)) for name in layout.files])


class _Packed(NamedTuple):
    """A batch file in an archive; one that is too large to be one is not read."""

    member: str
    size: int
    content: bytes


def _parsed(packed: _Packed, layout: Layout, path: str) -> Bytes:
    name = f"{path}: {packed.member}"
    _check_size(packed.size, name, layout)
    return layout.parse(packed.content, name)


def _unpacked(path: Path, layouts: Sequence[Layout]) -> tuple[set[str], dict[str, _Packed]]:
    """All names in an archive, of files and folders, and its batch files."""
    largest = {name: layout.largest for layout in layouts for name in layout.files}
    places: set[str] = set()
    found: dict[str, _Packed] = {}
    with gzip.open(path, "rb") as unzipped:
        stream = io.BufferedReader(unzipped, 2**20)
        try:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    places.update(PurePosixPath(member.name).parts)
                    name = PurePosixPath(member.name).name
                    file = archive.extractfile(member) if name in largest else None
                    if file is not None:
                        content = file.read() if member.size <= largest[name] else b""
                        found[name] = _Packed(member.name, member.size, content)
        finally:  # where the archive makes no sense, either: gzip knows whether it is damaged
            while stream.read(2**20):
                pass
    return places, found


def _no_archive(path: Path, error: Exception, layouts: Sequence[Layout]) -> UserError:
    """What is the matter with a file that cannot be unpacked."""
    try:
        with path.open("rb") as file:
            start, size = file.read(2), path.stat().st_size
    except (OSError, ValueError) as refused:
        return unreadable(path, refused)
    if start not in (b"", MAGIC[:1], MAGIC):
        hint = other_sets.by_names(path.parts[-2:])
        what = f"it lies in {hint}" if hint else "it is something else, or damaged at its start"
    elif isinstance(error, tarfile.TarError | ValueError) and start:
        what = "it is a whole gzip file, but of no tar archive"
    else:
        what = "it is damaged"
    whole = " or ".join(layout.archive for layout in layouts)
    return UserError(
        f"{path}: cannot be read as a .tar.gz of {size:,} bytes: {what} ({error})\n"
        f"expected a whole {whole}\n{AGAIN}"
    )


def _check_size(size: int, name: str, layout: Layout) -> None:
    if size > layout.largest:  # before it is read: the parsers say the rest
        another = other_sets.by_size(size)
        hint = f", the size of {another}" if another else ""
        raise UserError(
            f"{name}: {size:,} bytes{hint}\nexpected at most {layout.largest:,}\n{AGAIN}"
        )


def _missing(where: str, missing: list[str], layout: Layout, another: str = "") -> UserError:
    what = f"this is {another}" if another else f"lacks {', '.join(missing)}"
    return UserError(
        f"{where}: {what}\n"
        f"expected the files of {layout.folder}: {', '.join(layout.files)}\n"
        "fetch the set again, or `python -m jaxcifar.data prepare`"
    )
