"""Where and with what a run was made."""

import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

VERSIONED = ("jaxcifar", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def environment(machine: Mapping[str, Any], command: str) -> dict[str, Any]:
    """Where and with what a run was made."""
    return {**software(), "command": command, **machine}


def software() -> dict[str, Any]:
    """The code of this process: commit and versions."""
    return {
        "commit": commit(),
        "versions": {name: _version(name) for name in VERSIONED},
        "python": platform.python_version(),
    }


def commit(file: Path = Path(__file__)) -> str | None:
    """The commit of the package's checkout, ``-dirty`` where files differ; None outside of one.

    Args: file: of the package. A repository that does not track it is somebody else's, such as
        the one around the virtual environment that the package is installed in.
    """
    if _git(file, "ls-files", "--error-unmatch", "--", file.name) is None:
        return None
    return _git(file, "describe", "--always", "--dirty", "--abbrev=40")


def _git(file: Path, *words: str) -> str | None:
    """What git says in a file's folder; None where it says no, or nothing, or is not there."""
    # A hook's GIT_DIR and its like name the repository that is at work, not the one of the file.
    environ = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(file.resolve().parent), *words],
            capture_output=True, text=True, timeout=5, check=True, env=environ,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
