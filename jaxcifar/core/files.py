"""Writing files so that no reader and no crash ever sees half of one."""

import os
from pathlib import Path

_PART = ".part"

CHECKOUT = Path(__file__).resolve().parents[2]
"""Root of the source checkout, for what works in one only: benches, reproduced reports."""


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file as a whole: readers see the old bytes or the new ones, never a part.

    Raises: OSError: it cannot be written, as on a full disk; nothing of it is left then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}{_PART}")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def left_over(path: Path) -> bool:
    """Whether a file is what a killed `write_atomically` left behind."""
    return path.name.startswith(".") and path.name.endswith(_PART)
