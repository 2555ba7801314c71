"""A tracker beside a run: on a thread of its own, and switched off by its first error."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from jaxcifar.core.console import say
from jaxcifar.planning.group import Group
from jaxcifar.records import study_file
from jaxcifar.trackers.feed import Feed, OpenWriter, subject_of

SECONDS = 120  # to wait at the end for what is still being sent


class Tracker:
    """Does what it is handed, in order, without keeping anybody waiting."""

    def __init__(self, name: str, open_writer: OpenWriter) -> None:
        self.name, self.feed = name, Feed(open_writer)
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name=f"tracker {name}", daemon=True)
        self._thread.start()

    def do(self, call: Callable[..., None], *args: Any) -> None:
        """Call something later, unless the tracker is off by then."""
        self._calls.put(partial(call, *args))

    def close(self) -> None:
        """Wait until everything is done, but not for ever."""
        self._calls.put(None)
        self._thread.join(SECONDS)
        if self._thread.is_alive():
            say(f"{self.name} did not finish within {SECONDS} s: some of its points may be missing")

    def _work(self) -> None:
        try:
            for call in iter(self._calls.get, None):
                call()
            self.feed.close()
        except Exception as error:  # whatever it is, the run goes on
            say(f"--tracker {self.name} is off for the rest of this run: {_words(error)}")
            with suppress(Exception):
                self.feed.close()


def _words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


class Tracked:
    """The trackers of one command."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = tuple(trackers)

    @contextmanager
    def watch(self, group: Group) -> Iterator[Callable[[], None]]:
        """Follow a group: the yielded function tells that its records were saved.

        Nothing is opened before that: until then another process may hold the group's lock.
        """

        def saved() -> None:
            for tracker in self._trackers:
                tracker.do(tracker.feed.update, group)

        yield saved
        for tracker in self._trackers:
            tracker.do(tracker.feed.finish, group)

    def figures(self, workdir: Path) -> None:
        """Hand over the figures of a run folder."""
        if not self._trackers:
            return
        members = study_file.members(workdir)
        name = "study"
        while name in members:
            name += "_"
        pictures = sorted((workdir / "figures").glob("*.png"))
        for tracker in self._trackers:
            tracker.do(tracker.feed.figures, subject_of(workdir, name), pictures)
