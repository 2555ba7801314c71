"""Paths as users give them, and files written so that no reader or crash sees half of one."""

import os
import pwd
import shutil
import stat
from pathlib import Path

from jaxcifar.core.errors import UserError

_PART = ".part"

CHECKOUT = Path(__file__).resolve().parents[2]
"""Root of the source checkout, for what works in one only: benches, reproduced reports."""


def given(path: Path | str) -> Path:
    """The path that a user means: ``~`` is a home folder, also where no shell has expanded it.

    Every path that comes from a flag, a config, a variable or an argument goes through here; one
    that is relative lies below the current folder.

    Raises: UserError: it is empty, ``~name`` of nobody here, or no home folder is known.
    """
    if not str(path):
        raise UserError("a path is empty\nwrite . for the current folder")
    path = Path(path)
    if path.parts[:1] == ("~",):
        return home().joinpath(*path.parts[1:])
    try:
        return path.expanduser()
    except RuntimeError:  # ~name
        raise UserError(
            f"{path}: no such home folder is known here\nwrite the path without ~"
        ) from None


def home() -> Path:
    """The user's home folder: $HOME, else what the system has on record. Raises: UserError."""
    if os.environ.get("HOME"):  # if it is empty, Python would take the current folder
        return Path(os.environ["HOME"])
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        raise UserError("no home folder is known\nset HOME to a folder of yours") from None


def check_writable(folder: Path) -> None:
    """Make sure, writing nothing, that a folder is or can be made, and can be written in.

    Raises: UserError: it is a file, lies below one, or nothing may be written there.
    """
    if why := _unwritable(folder):
        raise UserError(f"{folder} cannot be written: {why}\ngive another folder")


def _unwritable(folder: Path) -> str:
    for place in (folder.absolute(), *folder.absolute().parents):
        try:
            mode = place.stat().st_mode
        except FileNotFoundError:
            if place.is_symlink():
                return f"{place} is a link to nothing"
            continue
        except NotADirectoryError:
            continue
        except OSError as error:
            return error.strerror or str(error)
        if not stat.S_ISDIR(mode):
            return f"{place} is a file"
        own = os.access in os.supports_effective_ids
        may = os.access(place, os.W_OK | os.X_OK, effective_ids=own)
        return "" if may else f"{place} is not yours to write in"
    return ""


def free(path: Path) -> int:
    """Bytes that are free where a path lies, or will lie. Raises: OSError: nobody tells."""
    there = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file as a whole: readers see the old bytes or the new ones, never a part.

    Raises: OSError: it cannot be written, as on a full disk; nothing of it is left then. It names
        the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}{_PART}")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def left_over(path: Path) -> bool:
    """Whether a file is what a killed `write_atomically` left behind."""
    return path.name.startswith(".") and path.name.endswith(_PART)
