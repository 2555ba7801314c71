"""The command line: config files, ``--config.a.b=VALUE`` flags, error wording, exit status."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence

import tyro

from jaxcifar.core.errors import UserError


def print_help(command: str, summary: str, flags: type) -> None:
    """Print the help of a command whose config fields tyro describes."""
    tyro.cli(flags, args=["--help"], prog=command, description=summary)


def run(main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None) -> int:
    """Run a command: a UserError is told in its own words with status 2, without a traceback.

    So is an interrupt (Ctrl-C), with status 130. ``--debug`` anywhere in `argv` shows the traceback
    as well.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    words = [word for word in given if word.lower() not in ("--debug", "--debug=true")]
    debug = words != given
    try:
        return main(words) or 0
    except UserError as error:
        if debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        if debug:
            raise
        print("interrupted", file=sys.stderr)  # noqa: T201
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader, such as `head`, has seen enough; work may be unfinished
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
