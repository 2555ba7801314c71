"""What is told to the user while something runs."""

import sys


def say(text: str) -> None:
    """Tell the user something, on standard error."""
    if text:
        print(text, file=sys.stderr, flush=True)  # noqa: T201
