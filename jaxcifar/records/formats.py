"""The formats of record files: JSON, JSON lines and .npz."""

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxcifar.core.files import write_atomically


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """One JSON object a line."""
    write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines).encode())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def write_table(path: Path, table: Mapping[str, np.ndarray]) -> None:
    """Named arrays as an .npz file."""
    buffer = io.BytesIO()
    arrays: Any = table  # the stub takes `allow_pickle` for one of the names
    np.savez_compressed(buffer, **arrays)
    write_atomically(path, buffer.getvalue())


def read_table(path: Path) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file; empty where there is no file."""
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as table:
        return dict(table)


def write_json(path: Path, content: Any) -> None:
    """One JSON document."""
    write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())


def read_json(path: Path) -> Any:
    """A JSON document, or None where there is no file."""
    return json.loads(path.read_text()) if path.exists() else None
