"""Which of this package's own files decide a run's last bits, and what tells two versions apart."""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

ARITHMETIC = (
    "answers.py", "augment", "averaging.py", "keys.py", "losses.py", "models", "optim",
    "programs.py", "schedules", "steps.py", "types.py",
)  # fmt: skip
"""All that compiled programs are made of: modules, and whole folders with their tables."""


@functools.cache
def digest(root: Path = Path(__file__).parent, parts: Sequence[str] = ARITHMETIC) -> str:
    """Twelve hexadecimal digits of SHA-256 over the parts' names and bytes.

    A comment counts too: nothing else is as sure to notice what changes a bit.
    """
    found = hashlib.sha256()
    for path in sorted(path for part in parts for path in _files(root / part)):
        found.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return [inside for inside in path.rglob("*") if inside.suffix in (".py", ".json")]
