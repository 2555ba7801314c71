"""What Orbax and TensorStore say of a disk that cannot be written, said as Python says it."""

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CODE = re.compile(r"os_error_code='(\d+)'")
_LOGS = ("absl", "asyncio")


@contextmanager
def as_os_errors(path: Path) -> Iterator[None]:
    """Within, a failed write raises an OSError that names `path`, and its threads keep silent.

    TensorStore raises a ValueError with the system's number in its text; its threads and Orbax's
    tell the same in hundreds of lines, some of them when the interpreter ends. After a failure
    they stay silenced.

    Raises: OSError: the system refused to write, as on a full disk.
    """
    hook = sys.unraisablehook
    sys.unraisablehook = _ignore
    for name in _LOGS:
        logging.getLogger(name).addFilter(_tells_more)
    failed = False
    try:
        yield
    except Exception as error:
        number = _number(error)
        failed = number is not None
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error
    finally:
        if not failed:
            sys.unraisablehook = hook
            for name in _LOGS:
                logging.getLogger(name).removeFilter(_tells_more)


def _number(error: BaseException | None) -> int | None:
    """The system's number of an error, also of one that is told in words alone."""
    if isinstance(error, OSError):
        return error.errno
    found = _CODE.search(str(error))
    return int(found[1]) if found else None


def _tells_more(record: logging.LogRecord) -> bool:
    """Whether a line says anything else than that a write failed."""
    error = record.exc_info[1] if record.exc_info else None
    return _number(error) is None and not _CODE.search(record.getMessage())


def _ignore(unraisable: Any) -> None:
    """What ends within a thread that nobody waits for."""
