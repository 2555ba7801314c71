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
    devices: int
    cores: int


def hardware() -> Hardware:
    """The devices and usable cores of this process."""
    devices = jax.local_devices()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Hardware(jax.default_backend(), devices[0].device_kind, len(devices), cores or 1)
