"""What this process computes on: devices, cores, memory."""

import os
from typing import NamedTuple

import jax

from jaxcifar.core import host_memory


def limit() -> int:
    """Bytes that the first device may use: its own limit, or the host's or container's memory."""
    found = jax.local_devices()[0].memory_stats() or {}
    return found.get("bytes_limit") or host_memory.limit()


class Hardware(NamedTuple):
    """What a run's bits depend on besides its plan."""

    backend: str
    device_kind: str
    devices: int  # of all processes
    cores: int
    processes: int = 1


def hardware() -> Hardware:
    """The devices of all processes, and the usable cores of this one."""
    kind, count = jax.local_devices()[0].device_kind, jax.device_count()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Hardware(jax.default_backend(), kind, count, cores or 1, jax.process_count())
