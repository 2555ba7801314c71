"""How far an analysis is: a bar on a terminal or in a notebook, a line now and then elsewhere."""

import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

from tqdm import tqdm

from jaxcifar.core import console

T = TypeVar("T")
EVERY = 10.0  # seconds between lines


def watched(
    parts: Iterable[T], total: int, what: str, *, done: int = 0, stream: TextIO | None = None
) -> Iterator[T]:
    """Go through `parts`, telling on standard error how many of `total` are over and what is left.

    Args:
        parts: pieces of work, each done when the next is asked for.
        total: of them, with those `done` before.
        what: what is being done, in a few words.
        stream: where to tell it.
    """
    stream = stream or console.live()
    if stream.isatty():
        yield from tqdm(parts, desc=what, total=total, initial=done, file=stream)
        return
    began = told = time.perf_counter()
    for over, part in enumerate(parts, done + 1):
        yield part
        now = time.perf_counter()
        if now - told >= EVERY and over < total:
            told, left = now, (now - began) / (over - done) * (total - over)
            stream.write(f"{what}: {over} of {total}, {tqdm.format_interval(left)} left\n")
            stream.flush()
