"""Memory of the process: freed heap is kept, compiled programs make room for others."""

import ctypes
import os
import sys
from pathlib import Path

MAPPED, MOST = Path("/proc/self/maps"), Path("/proc/sys/vm/max_map_count")

ALLOCATOR = {"M_ARENA_MAX": (-8, 1), "M_MMAP_MAX": (-4, 0), "M_TRIM_THRESHOLD": (-1, -1)}
"""Options of glibc's mallopt(3) -> their number, and a value: one heap that never shrinks."""


CGROUPS, LIMITS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def limit() -> int:
    """Bytes of memory that this process may use: the host's, or less where a container says so."""
    host = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([host, *_container_limits()])


def _container_limits() -> list[int]:
    """Those of this process's control groups and all above them, of either version of Linux's."""
    lines = CGROUPS.read_text().splitlines() if CGROUPS.exists() else []
    found = []
    for _, controllers, place in (line.split(":", 2) for line in lines):
        if controllers not in ("", "memory"):
            continue
        root = LIMITS / controllers
        below = root / place.lstrip("/")
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        for folder in (below, *below.parents):
            if folder.is_relative_to(root) and (folder / name).is_file():
                told = (folder / name).read_text().strip()
                found += [int(told)] if told.isdigit() else []  # else "max"
    return found


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
