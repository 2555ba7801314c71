"""Memory that was freed is taken again without a word to the kernel, as a run's segments need."""

import os
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, threading
from jaxcifar.core import host_memory

kept = host_memory.keep_memory() if sys.argv[1] == "kept" else None

def faults():
    began = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"1" * (1 << 26)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - began

def work():
    faults()
    print(kept, faults())

thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


def faults_of_64_mib(how: str, **environment: str) -> tuple[str, int]:
    """What `keep_memory` said, and page faults when a thread fills 64 MiB for the second time."""
    clean = {name: value for name, value in os.environ.items() if "MALLOC" not in name}
    clean.pop("GLIBC_TUNABLES", None)
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, how],
        env=clean | environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said, count = done.stdout.split()
    return said, int(count)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator only")
def test_freed_memory_is_kept():
    fresh, again = faults_of_64_mib("as it was")[1], faults_of_64_mib("kept")
    assert again[0] == "True"
    assert again[1] < 100 and fresh > 1000


@pytest.mark.parametrize(
    "own", [{"MALLOC_ARENA_MAX": "2"}, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=2"}]
)
def test_the_user_s_own_settings_stand(own):
    assert faults_of_64_mib("kept", **own)[0] == "False"
