"""What is told to the user while something runs."""

import importlib
import io
import sys
from typing import Any, TextIO

from jaxcifar.core import processes


def say(text: str) -> None:
    """Tell the user something, on standard error; of several processes the first does."""
    if text and processes.leads():
        print(text, file=sys.stderr, flush=True)  # noqa: T201


class NotebookLine(io.TextIOBase):
    """A stream that a notebook shows as one line: what comes takes the place of what was there."""

    def __init__(self) -> None:
        self._handle: Any = None

    def isatty(self) -> bool:
        """Whether it can show what moves."""
        return True

    def write(self, text: str) -> int:
        """Show what follows the last carriage return, if there is anything."""
        line = text.rpartition("\r")[2].strip()
        if line and self._handle is None:
            display = importlib.import_module("IPython.display").display
            self._handle = display({"text/plain": line}, raw=True, display_id=True)
        elif line:
            self._handle.update({"text/plain": line}, raw=True)
        return len(text)


def live() -> TextIO:
    """Where progress is told: standard error, or the line of a notebook's cell.

    Of several processes the first tells it.
    """
    if not processes.leads():
        return io.StringIO()
    return NotebookLine() if _in_notebook() else sys.stderr  # type: ignore[return-value]


def _in_notebook() -> bool:
    """Whether a notebook's kernel runs this; IPython is there already if so."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None
