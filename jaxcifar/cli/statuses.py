"""Where exceptions become exit statuses: what a user can mend is told in their words, status 2."""

import errno
import os
import signal
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from jaxcifar.core.errors import IncompleteError, UserError
from jaxcifar.core.files import CHECKOUT, free

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NEXT = {
    **dict.fromkeys(FULL, "what was saved before is whole: make room, and give this command again"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS),
                    "give another place, or have its owner let you in"),
    **dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG,
                     errno.ELOOP), "give the path of what is expected there"),
}  # fmt: skip
"""What is to be done where the system refuses, by the number of its error."""

OURS = (CHECKOUT / "jaxcifar", *map(Path, map(sysconfig.get_path, ("stdlib", "purelib"))))
"""Where a missing file is a fault of the installed software, not of the user."""

DEVICES = ("JAX_PLATFORMS", "JAX_PLATFORM_NAME", "CUDA_VISIBLE_DEVICES")
"""Environment variables by which JAX looks for devices."""


def run(main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None) -> int:
    """Run a command: what a user can mend is told in at most three lines, with status 2.

    That is every UserError, what the system says of a path, and what JAX says of its environment
    variables. An interrupt (Ctrl-C) has status 130; all else is a fault of this package and
    keeps its traceback. ``--debug`` anywhere in `argv` shows every traceback.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    words = [word for word in given if word.lower() not in ("--debug", "--debug=true")]
    debug = words != given
    _print_anything()
    try:
        return main(words) or 0
    except SystemExit as stop:  # help was given, or argparse has said why not
        return _status(stop)
    except KeyboardInterrupt:
        if debug:
            raise
        print("interrupted", file=sys.stderr)  # noqa: T201
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader, such as `head`, has seen enough; work may be unfinished
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except IncompleteError as error:
        if debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except Exception as error:
        said = mendable(error)
        if said is None:
            raise
        if debug:
            traceback.print_exc()
        print(f"error: {said}", file=sys.stderr)  # noqa: T201
        return 2


def mendable(error: BaseException) -> str | None:
    """What a user is told of an error that they can mend, in at most three lines; else None."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        return _of_system(error)
    return _of_jax(error)


def _of_system(error: OSError) -> str | None:
    """``/the/path: No space left on device``, unless it is a path of the installed software."""
    path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    ours = not path or any(Path(path).absolute().is_relative_to(place) for place in OURS)
    if ours and error.errno not in FULL:
        return None
    what = NEXT.get(error.errno or 0, "see to it, and give this command again")
    return f"{path or 'the disk'}: {error.strerror or error}{_left(path, error)}\n{what}"


def _left(path: str, error: OSError) -> str:
    """How much is free on a disk that has too little, where the system tells."""
    if error.errno != errno.ENOSPC or not path:
        return ""
    try:
        return f" ({free(Path(path)):,} bytes are free)"
    except OSError:
        return ""


def _of_jax(error: BaseException) -> str | None:
    """What JAX makes of its environment variables: when it is imported, and where it finds none
    of the devices that they ask for, which it tells by whatever first needs one."""
    frames = traceback.extract_tb(error.__traceback__)
    if frames and Path(frames[-1].filename).as_posix().endswith("jax/_src/config.py"):
        names: Iterable[str] = (name for name in os.environ if name.startswith("JAX_"))
        return _refused(names, error)
    if not isinstance(error, RuntimeError | AssertionError) or "jax" not in sys.modules:
        return None
    try:
        sys.modules["jax"].local_devices()
    except Exception as why:
        return _refused(DEVICES, why)
    return None


def _refused(names: Iterable[str], why: BaseException) -> str:
    found = ", ".join(f"{name}={os.environ[name]}" for name in names if name in os.environ)
    reason = (str(why).splitlines() or ["there is no such device"])[0]
    said = f"JAX cannot work with {found or 'what is here'}: {reason}"
    return f"{said}\ngive the variable another value, or leave it out"


def _print_anything() -> None:
    """What the terminal's encoding lacks is printed as an escape, and ends no command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _status(stop: SystemExit) -> int:
    if stop.code is None or isinstance(stop.code, int):
        return stop.code or 0
    print(stop.code, file=sys.stderr)  # noqa: T201
    return 1
