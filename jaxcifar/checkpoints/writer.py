"""Snapshots written beside training: copied at once, and written by a thread while it goes on."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar import programs
from jaxcifar.core import kill_points, processes
from jaxcifar.core.types import Snapshot

Write = Callable[[Snapshot], None]


class Saver:
    """Has snapshots written, in the order in which they were taken; use it in a ``with``.

    What is written rests on what was written before it: after an error nothing else is begun.
    One cut at a time: taking the next one's snapshot waits until the last is written, so that no
    more than one copy is held. What a writer raises comes out of the next call. Leaving the block
    waits, too; where it is left by an error, that error is the one that counts.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "saver")
        self._pending: deque[tuple[Future[None], Callable[[], None]]] = deque()
        self._held: Snapshot | None = None
        self._error: BaseException | None = None

    def take(
        self, snapshot: Snapshot, write: Write, told: Callable[[], None] = lambda: None
    ) -> None:
        """Have `write` called with the snapshot as it is now.

        `told` is called once it was written, by this thread: at the next cut, or at the end.
        """
        if self._held is None or self._held.cursor != snapshot.cursor:
            self.wait()
            self._held = detached(snapshot)
        wide = jnp.result_type(float) == jnp.float64  # which every thread decides for itself
        self._pending.append((self._thread.submit(self._run, write, self._held, wide), told))
        if kill_points.asked_elsewhere(
            "save"
        ):  # a test's kill shall find the same files every time
            self._finish()

    def wait(self) -> None:
        """Until all that was taken is written."""
        self._finish()
        self._held = None

    def _finish(self) -> None:
        while self._pending:
            future, told = self._pending.popleft()
            future.result()
            told()

    def _run(self, write: Write, snapshot: Snapshot, wide: bool) -> None:
        if self._error is not None:
            raise self._error
        try:
            with jax.enable_x64(wide):
                write(snapshot)
        except BaseException as error:
            self._error = error
            raise

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Wait for what is being written."""
        try:
            if kind is None:
                self.wait()
        finally:
            self._thread.shutdown()


def detached(snapshot: Snapshot) -> Snapshot:
    """A snapshot that training cannot change any more.

    The state, whose arrays the next segment takes over, is copied on its devices, which does not
    wait for them; the best weights are replaced and never changed; the Book grows in place. Of
    several processes each gets all of it, now: who writes has no others to ask.
    """
    book = jax.tree.map(np.array, snapshot.book)
    if processes.count() > 1:
        state, best = programs.gathered((snapshot.state, snapshot.best))
        return snapshot._replace(state=state, best=best, book=book)
    return snapshot._replace(state=_copied(snapshot.state), book=book)


@jax.jit
def _copied(tree: object) -> object:
    return jax.tree.map(jnp.copy, tree)
