"""The formats of record files, JSON, JSON lines and .npz: one reader and one writer of each.

Where there is no file, readers give nothing. A file that was cut, overwritten or written by another
program is named by a UserError: it is for its owner to mend.
"""

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from jaxcifar.core.errors import UserError
from jaxcifar.core.files import write_atomically

# What reading a cut or overwritten file raises: np.load adds the last three.
DAMAGE = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, OSError,
    EOFError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip

T = TypeVar("T")


def read_file(path: Path, reader: Callable[[Path], T]) -> T:
    """What `reader` makes of a file.

    Raises: UserError: it is missing, or not what the reader expects.
    """
    try:
        return reader(path)
    except FileNotFoundError:
        raise UserError(
            f"{path} is missing\n{path.parent} must be a run folder, as jaxcifar.train writes it"
        ) from None
    except DAMAGE as error:
        why = f"{error}" if str(error) else type(error).__name__
        raise UserError(f"{path} cannot be read: {why}\nrestore it, or train again") from error


def read_to_redo(path: Path, reader: Callable[[Path], T]) -> T:
    """`read_file` of what a command makes again where it is gone.

    Raises: UserError: it is missing, or not what the reader expects.
    """
    try:
        return read_file(path, reader)
    except UserError as error:
        why = str(error).splitlines()[0]
        raise UserError(f"{why}\nremove it, and it is worked out anew") from error


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line."""
    write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines).encode())


def read_lines(path: Path, needed: bool = False) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file; none where there is no file, unless it is `needed`."""

    def objects(path: Path) -> list[dict[str, Any]]:
        return [dict(json.loads(line)) for line in path.read_text().splitlines()]

    return read_file(path, objects) if needed or path.exists() else []


def write_table(path: Path, table: Mapping[str, np.ndarray]) -> None:
    """Named arrays as an .npz file."""
    buffer = io.BytesIO()
    arrays: Any = table  # the stub takes `allow_pickle` for one of the names
    np.savez_compressed(buffer, **arrays)
    write_atomically(path, buffer.getvalue())


def read_table(path: Path, needed: bool = False) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file; empty where there is no file, unless it is `needed`."""

    def arrays(path: Path) -> dict[str, np.ndarray]:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return dict(file)  # np.load alone would leave a damaged file open

    return read_file(path, arrays) if needed or path.exists() else {}


def described(
    members: Sequence[str], head: Mapping[str, Any], units: Mapping[str, str],
    fields: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:  # fmt: skip
    """A table that explains itself: whose rows it has, what its axes mean, its fields' units."""
    told = {name: np.array(values) for name, values in head.items()}
    names = np.array(list(members), np.str_)
    return {"members": names, **told, "units": np.array(json.dumps(units)), **fields}


def write_json(path: Path, content: Any) -> None:
    """One JSON document."""
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is no file."""

    def document(path: Path) -> dict[str, Any]:
        return dict(json.loads(path.read_text()))

    return read_file(path, document) if path.exists() else None
