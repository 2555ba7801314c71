"""Folders and archives of the published layouts to records, nothing written to disk."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from jaxcifar.core.errors import UserError
from jaxcifar.data.dataset import Bytes
from jaxcifar.data.formats.layouts import AGAIN, LAYOUTS, Layout


def read_folder(folder: Path, layout: Layout) -> Bytes:
    """All batches of a folder such as cifar-10-batches-bin.

    Returns: (60000, 3073) uint8, the train split first.
    Raises: UserError: a batch is missing, unreadable or not as published.
    """
    missing = [name for name in layout.files if not (folder / name).is_file()]
    if missing:
        raise _missing(str(folder), missing, layout)
    return np.concatenate([_read_file(folder / name, layout) for name in layout.files])


def _read_file(path: Path, layout: Layout) -> Bytes:
    try:
        _check_size(path.stat().st_size, str(path), layout)
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"{path}: cannot be read ({reason})\nexpected a readable file\n{AGAIN}"
        ) from None
    return layout.parse(content, str(path))


def read_archive(path: Path, layouts: Sequence[Layout] = LAYOUTS) -> Bytes:
    """All batches of a .tar.gz of either layout, unpacked in memory only.

    Members are looked up by name, so others, and paths that lead elsewhere, have no effect. The
    stream is read to its end, where gzip's own checksum is.

    Returns: (60000, 3073) uint8, the train split first.
    Raises: UserError: not a whole .tar.gz, a batch is missing or not as published.
    """
    try:
        with gzip.open(path, "rb") as stream:
            found = _read_members(io.BufferedReader(stream, 2**20), str(path), layouts)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise UserError(
            f"{path}: cannot be read as a .tar.gz{_size(path)} ({error})\n"
            f"expected a whole {' or '.join(layout.archive for layout in layouts)}\n{AGAIN}"
        ) from None
    layout = max(layouts, key=lambda layout: len(found.keys() & set(layout.files)))
    missing = [name for name in layout.files if name not in found]
    if missing:
        raise _missing(str(path), missing, layout)
    return np.concatenate([found[name] for name in layout.files])


def _read_members(
    stream: io.BufferedReader, path: str, layouts: Sequence[Layout]
) -> dict[str, Bytes]:
    wanted = {name: layout for layout in layouts for name in layout.files}
    found: dict[str, Bytes] = {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            file = archive.extractfile(member) if name in wanted else None
            if file is not None:
                inside = f"{path}: {member.name}"
                _check_size(member.size, inside, wanted[name])
                found[name] = wanted[name].parse(file.read(), inside)
    while stream.read(2**20):
        pass
    return found


def _size(path: Path) -> str:
    return f" of {path.stat().st_size:,} bytes" if path.is_file() else ""


def _check_size(size: int, name: str, layout: Layout) -> None:
    if size > layout.largest:  # before it is read: the parsers say the rest
        raise UserError(f"{name}: {size:,} bytes\nexpected at most {layout.largest:,}\n{AGAIN}")


def _missing(where: str, missing: list[str], layout: Layout) -> UserError:
    return UserError(
        f"{where}: lacks {', '.join(missing)}\n"
        f"expected the files of {layout.folder}: {', '.join(layout.files)}\n"
        "fetch the set again, or `python -m jaxcifar.data prepare`"
    )
