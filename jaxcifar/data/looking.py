"""Whether something is there: a folder that may not be entered is an error, never a "no"."""

import errno
import os
import stat
from pathlib import Path

from jaxcifar.core.errors import UserError

_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EBADF}


def is_file(path: Path) -> bool:
    """Whether there is a file. Raises: OSError: that cannot be seen (versions of Python differ)."""
    return stat.S_ISREG(_mode(path))


def exists(path: Path) -> bool:
    """Whether there is a file or folder. Raises: OSError: that cannot be seen."""
    return _mode(path) != 0


def names_in(folder: Path) -> list[str]:
    """What lies in a folder, sorted; nothing if there is none. Raises: OSError: it is closed."""
    return sorted(os.listdir(folder)) if stat.S_ISDIR(_mode(folder)) else []


def unreadable(path: Path | str, error: Exception) -> UserError:
    """The error for what is there and cannot be read."""
    return UserError(
        f"{path}: cannot be read ({reason(error)})\nexpected what this user may read\n"
        "have its owner let you in, or give another place with --config.data.dir=DIR"
    )


def reason(error: Exception) -> str:
    """What the system says, without the path."""
    return getattr(error, "strerror", None) or str(error)


def _mode(path: Path) -> int:
    """The kind and permissions of what is there, 0 where there is nothing."""
    try:
        return path.stat().st_mode
    except OSError as error:
        if error.errno in _NOT_THERE:
            return 0
        raise
