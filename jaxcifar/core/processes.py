"""Several processes that train one population: joined through JAX, told apart, agreeing.

One process alone is the first of one, and none of this costs it anything. What any of them cannot
do is told in each: a process that left the others waiting would only be "lost".
"""

import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from jaxcifar.core.errors import IncompleteError, UserError

T = TypeVar("T")

TASKS = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
"""Where a launcher that JAX knows says how many processes it has started."""

PATIENCE = {"initialization_timeout": 120, "heartbeat_timeout_seconds": 30,
            "shutdown_timeout_seconds": 30}  # fmt: skip
"""Seconds: to wait for all to come, to miss one, and to wait for all at the end."""

LOST = (
    "gloo",
    "nccl",
    "coordination service",
    "heartbeat",
    "connection closed",
    "connection reset",
)
"""Words of what JAX raises where another process does not answer."""

LINGER = 3.0  # seconds that the first process, which the others are connected to, leaves later


def join(
    coordinator: str | None = None, index: int | None = None, count: int | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:  # fmt: skip
    """Join the other processes, before JAX first uses a device; alone, there is nothing to do.

    Args:
        coordinator: HOST:PORT of the first, or "auto": JAX finds everything out by itself.
        index: of this process, from 0.
        count: of all of them.
        environ: where SLURM or Open MPI says that it started several.

    Raises: UserError: half of what is needed, or the others cannot be reached.
    """
    started = any(environ.get(name, "1") != "1" for name in TASKS)
    if coordinator is None and (index, count) == (None, None) and not started:
        return
    given = _checked(coordinator, index, count, started)
    if given[0] is not None and index is not None:
        _require_meeting(given[0], index)
    import jax

    jax.config.update("jax_enable_preemption_service", False)  # signals are ours, see `signals`
    try:
        jax.distributed.initialize(*given, **PATIENCE)  # type: ignore[arg-type]
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"the processes did not find each other: {str(error).splitlines()[0]}\n"
            "give each --coordinator=HOST:PORT of the first, --process-id and --process-count"
        ) from error


def _checked(
    coordinator: str | None, index: int | None, count: int | None, started: bool
) -> tuple[str | None, int | None, int | None]:
    if coordinator == "auto" or (coordinator is None and started):
        coordinator = None
    elif coordinator is None or None in (index, count) and not started:
        raise UserError(
            "one of several processes needs to know the others\n"
            "give --coordinator=HOST:PORT, --process-id=0.. and --process-count=N, all three"
        )
    elif not coordinator.rpartition(":")[0] or not coordinator.rpartition(":")[2].isdigit():
        raise UserError(
            f"--coordinator={coordinator!r} is no HOST:PORT\n"
            "give the name of the first process's host, and a port that is free there"
        )
    if index is not None and count is not None and not 0 <= index < count:
        raise UserError(
            f"--process-id={index} is none of {count} processes\nallowed: 0 to {count - 1}"
        )
    return coordinator, count, index


def _require_meeting(coordinator: str, index: int) -> None:
    """Make sure that the first process can listen, and the others reach it: JAX would abort.

    Raises: UserError: not within the time that all have to come.
    """
    host, _, port = coordinator.rpartition(":")
    place = (host.strip("[]"), int(port))
    until = time.monotonic() + PATIENCE["initialization_timeout"]
    while True:
        try:
            if index == 0:
                with socket.socket() as listening:
                    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    return listening.bind(("", place[1]))
            return socket.create_connection(place, timeout=2).close()
        except (OSError, OverflowError) as error:
            if index and time.monotonic() < until and not isinstance(error, socket.gaierror):
                time.sleep(0.2)
                continue
            what = "cannot listen at" if index == 0 else "cannot reach the first at"
            raise UserError(
                f"process {index} {what} {coordinator}: {error}\n"
                "give --coordinator=HOST:PORT with a port that is free on the first process's host"
            ) from None


def count() -> int:
    """How many processes train together."""
    jax = sys.modules.get("jax")
    return jax.process_count() if jax and jax.distributed.is_initialized() else 1


def index() -> int:
    """Which of them this is, from 0."""
    return sys.modules["jax"].process_index() if count() > 1 else 0


def leads() -> bool:
    """Whether this one writes the files, and speaks: the first."""
    return index() == 0


def gathered(text: str) -> list[str]:
    """What every process says, in order. All must call it."""
    if count() == 1:
        return [text]
    from jax.experimental.multihost_utils import process_allgather

    raw = np.frombuffer(text.encode(), np.uint8)
    longest = int(process_allgather(np.array(raw.size, np.int32)).max())
    rows = process_allgather(np.pad(raw, (0, longest - raw.size)))
    return [bytes(row).rstrip(b"\0").decode() for row in np.asarray(rows, np.uint8)]


def any_of(flag: bool) -> bool:
    """Whether any process says so. All must call it."""
    return "1" in gathered(str(int(flag)))


def together(work: Callable[[], T]) -> T:
    """What `work` gives here, where no process refuses.

    Raises: UserError: this one's own, or that another's, and whose.
    """
    refused: UserError | None = None
    found: list[T] = []
    try:
        found.append(work())
    except UserError as error:
        refused = error
    told = gathered(str(refused or ""))
    if refused is not None:
        raise refused
    for number, text in enumerate(told):
        if text:
            raise UserError(f"process {number}: {text}")
    return found[0]


def first(work: Callable[[], object]) -> None:
    """Have the first process do something; the others wait, and share its refusal."""
    together(lambda: work() if leads() else None)


@contextmanager
def missed() -> Iterator[None]:
    """Within, that another process is gone is told in our words. Raises: IncompleteError."""
    try:
        yield
    except (RuntimeError, ValueError) as error:
        text = str(error)
        if count() == 1 or isinstance(error, UserError) or not any(w in text.lower() for w in LOST):
            raise
        raise IncompleteError(
            f"another of the {count()} processes is lost ({text.splitlines()[0][:100]})\n"
            "what was saved is whole: give the same command to all of them again; with another "
            "number\nof processes or devices also --config.deterministic=False"
        ) from error


def leave() -> None:
    """Part from the others once all are done; what the first does then, it does alone."""
    if count() > 1:
        sys.modules["jax"].distributed.shutdown()


@contextmanager
def departing() -> Iterator[None]:
    """Around a command: whoever fails leaves at once, and does not wait for processes in need."""
    try:
        yield
    except SystemExit as stop:
        if count() == 1 or not stop.code:
            raise
        _leave_now(stop.code if isinstance(stop.code, int) else 1)
    except BaseException:
        if count() == 1:
            raise
        traceback.print_exc()
        _leave_now(1)


def _leave_now(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    if leads():
        time.sleep(LINGER)
    os._exit(status)
