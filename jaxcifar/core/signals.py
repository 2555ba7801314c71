"""SIGINT and SIGTERM: noted, and obeyed at the next cut."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interrupted(Exception):
    """A stop was asked for and is obeyed here.

    At a cut it carries the snapshot to save; within a pass over images nothing, as it is redone.
    """

    def __init__(self, snapshot: Any = None) -> None:
        super().__init__("stopped at a cut")
        self.snapshot = snapshot


class Stopped(KeyboardInterrupt):
    """Training stopped at a cut because a signal asked for it; everything so far is saved."""

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(message)
        self.signum = signum


@contextmanager
def signals() -> Iterator[Callable[[], int]]:
    """Within, SIGINT and SIGTERM are noted, not obeyed: the yielded function gives the number.

    It gives 0 as long as none came. A second signal acts at once, as if nothing was installed.
    Outside of the main thread nothing is installed.
    """
    seen: list[int] = []

    def note(signum: int, frame: FrameType | None) -> None:
        seen.append(signum)
        for number, handler in before.items():
            signal.signal(number, handler)

    wanted = (signal.SIGINT, signal.SIGTERM)
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in wanted} if main else {}
    for number in before:
        signal.signal(number, note)
    try:
        yield lambda: seen[0] if seen else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
