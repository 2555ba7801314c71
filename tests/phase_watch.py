"""Which phase a command is in, written down by the command itself and read from outside.

`watched` gives the environment in which Python starts a thread that looks at all stacks every few
milliseconds: what runs is what a user runs.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

# Where a stack must lead through -> the phase. Of the main thread the first that fits counts.
SITE = """
import os, sys, threading, time
FILES = ("report/__init__.py", "jax/_src/compiler.py", "jax/_src/interpreters/mlir.py",
         "jax/_src/interpreters/partial_eval.py")
PHASES = dict(zip(FILES, ("figures", "compiling", "compiling", "compiling")))
CALLS = {("training/engine.py", "evaluate"): "evaluation",
         ("training/engine.py", "train_segment"): "segment"}

def phase_of(frame):
    seen = set()
    while frame is not None:
        path = frame.f_code.co_filename
        for end, phase in PHASES.items():
            if path.endswith(end):
                seen.add(phase)
        for (end, name), phase in CALLS.items():
            if frame.f_code.co_name == name and path.endswith(end):
                seen.add(phase)
        if path.endswith("checkpoints/snapshots.py"):
            seen.add("save")
        frame = frame.f_back
    order = ("figures", "save", "compiling", "evaluation", "segment")
    return next((phase for phase in order if phase in seen), "")

def watch(out):
    last, mine = None, threading.get_ident()
    while True:
        stacks = sys._current_frames()
        found = sorted({phase_of(f) for ident, f in stacks.items() if ident != mine} - {""})
        del stacks
        if found != last:
            os.write(out, f"{time.monotonic():.4f} {' '.join(found)}\\n".encode())
            last = found
        time.sleep(0.003)

out = os.open(os.environ["PHASES_OF"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
threading.Thread(target=watch, args=(out,), daemon=True).start()
"""


class Seen(NamedTuple):
    """From a moment on, a process was in these phases."""

    moment: float  # of time.monotonic
    phases: frozenset[str]


def watched(environ, folder: Path, out: Path) -> dict[str, str]:
    """An environment in which a command writes its phases to `out`, by what `folder` holds."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(SITE)
    path = os.pathsep.join([str(folder), *filter(None, [environ.get("PYTHONPATH")])])
    return {**environ, "PYTHONPATH": path, "PHASES_OF": str(out)}


def seen(out: Path) -> list[Seen]:
    """All that was written so far."""
    text = out.read_text() if out.exists() else ""
    lines = [line.split() for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [Seen(float(words[0]), frozenset(words[1:])) for words in lines]


def lengths(rows: list[Seen]) -> dict[str, list[float]]:
    """Seconds of every stay in each phase, in turn."""
    found: dict[str, list[float]] = {}
    since: dict[str, float] = {}
    for row in rows:
        for phase in [name for name in since if name not in row.phases]:
            found.setdefault(phase, []).append(row.moment - since.pop(phase))
        for phase in row.phases:
            since.setdefault(phase, row.moment)
    return found


def wait_for(out: Path, phase: str, count: int, alive) -> bool:
    """Until a process enters a phase for the `count`-th time; False where it ends before."""
    while alive():
        rows = seen(out)
        before = [frozenset(), *(row.phases for row in rows)]
        entered = sum(
            phase in now and phase not in then
            for then, now in zip(before, (row.phases for row in rows), strict=False)
        )
        if entered >= count:
            return True
        time.sleep(0.005)
    return False
