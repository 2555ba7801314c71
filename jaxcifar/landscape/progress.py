"""Pieces of an analysis: how many are worked on at a time, and how far it is.

A bar on a terminal or in a notebook, a line now and then elsewhere.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TextIO, TypeVar

from tqdm import tqdm

from jaxcifar.core import console

T = TypeVar("T")
Found = TypeVar("Found")
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
    if done >= total:  # nothing is left to be told of
        yield from parts
        return
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


def in_turn(call: Callable[[T], Found], parts: Iterable[T], at_once: int) -> Iterator[Found]:
    """What `call` finds of each part, in their order, `at_once` of them being worked on at a time.

    Args:
        call: made to be called by several threads.
        parts: what is left when nobody asks on is not begun.
        at_once: 1 or more.
    """
    waiting: deque[Future[Found]] = deque()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for part in parts:
                waiting.append(pool.submit(call, part))
                if len(waiting) == at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for part_left in waiting:
                part_left.cancel()
