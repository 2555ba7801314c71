"""What a command sets up before JAX touches a device: memory, compile cache, flags, signals."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

MAPPED, MOST = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")

ALLOCATOR = {"M_ARENA_MAX": (-8, 1), "M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, -1)}
"""Options of glibc's mallopt(3) -> their number, and a value: one heap that never shrinks."""


class Stopped(KeyboardInterrupt):
    """Training stopped at a cut because a signal asked for it; everything so far is saved."""

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(message)
        self.signum = signum


def cache_dir() -> Path:
    """The user's own cache folder for this package."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "jaxcifar"


def prepare(deterministic: bool = True) -> None:
    """Keep freed memory, and let compiled programs persist between processes.

    Programs lie in a folder that only the user can read. A cache folder already configured in JAX
    is left alone, and ``JAXCIFAR_CACHE=off`` switches ours off. With `deterministic`, a GPU is
    asked for kernels that give the same bits every time (it must be called before JAX first uses a
    device).
    """
    flag = "--xla_gpu_deterministic_ops=true"
    if deterministic and "xla_gpu_deterministic_ops" not in os.environ.get("XLA_FLAGS", ""):
        ask_xla(flag)
    keep_memory()
    import jax

    if jax.config.values["jax_compilation_cache_dir"] or os.environ.get("JAXCIFAR_CACHE") == "off":
        return
    path = cache_dir() / "compiled"
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)  # programs are executed: nobody else may place one here
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def ask_xla(flags: str) -> None:
    """Add to XLA's flags; it reads them when JAX first uses a device."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()


def keep_memory() -> bool:
    """Have the C library keep freed memory for what is asked for next.

    On a CPU each call of a compiled segment asks for all its activations' memory at once, which
    glibc would fetch from the kernel, zeroed page by page, and give back after a few steps: up to
    a fifth of a step's time. Threads that began before have heaps of their own, so this comes
    first. Whoever sets glibc's own variables (``MALLOC_ARENA_MAX``, ``GLIBC_TUNABLES``, ...)
    decides instead. Returns: whether it did; other C libraries are left alone.
    """
    own = any(name.startswith("MALLOC_") for name in os.environ)
    if own or "glibc.malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return mallopt is not None and all(mallopt(*option) for option in ALLOCATOR.values())


def make_room() -> bool:
    """Drop all compiled programs where they take up half of what the kernel can map.

    On a CPU every program maps memory of its own, some thousands of pieces for a large network;
    a process that trained thirty groups would be refused the next one's and abort. Only Linux
    tells; what is needed again comes from the persistent cache. Returns: whether it did.
    """
    if not MAPPED.exists() or 2 * len(MAPPED.read_bytes().splitlines()) < int(MOST.read_text()):
        return False
    import jax

    jax.clear_caches()
    return True


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
