"""The seal of a checkpoint: SHA-256 sums of its files, in a manifest that is written last.

A folder without one is an interrupted save. What a manifest does not name (a file manager's notes,
an editor's backup) is nobody's: neither read nor damage.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from jaxcifar.core.errors import IntegrityError
from jaxcifar.core.files import write_atomically
from jaxcifar.core.types import Cursor

MANIFEST = "manifest.json"

T = TypeVar("T")


def seal(path: Path, cursor: Cursor) -> None:
    """Write the manifest of what a folder holds."""
    names = (file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    files = {name: _sha256(path / name) for name in sorted(names)}
    told = {"cursor": list(cursor), "files": files}
    text = json.dumps(told | {"seal": _digest(told)}, indent=1)
    write_atomically(path / MANIFEST, text.encode())


def sealed(path: Path) -> bool:
    """Whether a checkpoint was written to its end."""
    return (path / MANIFEST).exists()


def verify(path: Path) -> Cursor:
    """Check every file of a checkpoint against its manifest; gives the cursor it stands at.

    Raises: IntegrityError: a file is missing or has other bytes; it names the file.
    """
    files, cursor = _manifest(path)
    for name, digest in files.items():
        if _readable(path / name, _sha256) != digest:
            raise IntegrityError(f"{path / name} has other bytes than were written")
    return cursor


def intact(path: Path) -> Cursor | None:
    """As `verify`; None where it would raise."""
    try:
        return verify(path)
    except IntegrityError:
        return None


def stamp(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of every file of a checkpoint: it changes where any was written."""
    there = ((file, file.stat()) for file in sorted(path.rglob("*")) if file.is_file())
    return tuple((file.as_posix(), stat.st_size, stat.st_mtime_ns) for file, stat in there)


def sums(path: Path) -> dict[str, str]:
    """The files of a checkpoint, each with the SHA-256 sum that it was written with.

    Raises: IntegrityError: its manifest is missing or damaged.
    """
    return _manifest(path)[0]


def _manifest(path: Path) -> tuple[dict[str, str], Cursor]:
    text = _readable(path / MANIFEST, Path.read_bytes)
    try:
        manifest = json.loads(text)
        seal = manifest.pop("seal", None)  # older ones have none
        files, cursor = dict(manifest["files"]), Cursor(*manifest["cursor"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{path / MANIFEST} cannot be read ({error})") from None
    if seal not in (None, _digest(manifest)):
        raise IntegrityError(f"{path / MANIFEST} has other bytes than were written")
    return files, cursor


def _digest(told: object) -> str:
    """Of a manifest's own content: a cursor, too, could lose a bit."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _readable(path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except FileNotFoundError:
        raise IntegrityError(f"{path} is missing") from None
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read ({error.strerror})") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
