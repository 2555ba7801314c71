"""Named points at which a test can have the process killed, to prove that nothing is lost.

``JAXCIFAR_KILL=save:2`` kills this process (SIGKILL, as a power cut would) the second time it
reaches the point "save". Points: segment (running), probe (looked, not noted), evaluation (half
done), keep and save (written, not yet sealed), points, curvature and shift (of a landscape,
recorded). Unset, as always outside tests, nothing happens.
"""

import collections
import os
import signal

_reached: collections.Counter[str] = collections.Counter()


def _wanted() -> str:
    return os.environ.get("JAXCIFAR_KILL", "")


def asked_elsewhere(point: str) -> bool:
    """Whether the environment asks for a kill, but not at this point."""
    return bool(_wanted()) and not _wanted().startswith(f"{point}:")


def reach(point: str) -> None:
    """Die here if the environment asks for it."""
    wanted = _wanted()
    if wanted:
        _reached[point] += 1
        if wanted == f"{point}:{_reached[point]}":
            os.kill(os.getpid(), signal.SIGKILL)
