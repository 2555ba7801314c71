"""Where and with what a run was made."""

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


def commit() -> str | None:
    """The commit of the package's checkout, ``-dirty`` where files differ; None outside of git."""
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
