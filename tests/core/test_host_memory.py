"""Compiled programs make room for others before the kernel refuses to map more."""

import jax
import jax.numpy as jnp
import pytest

from jaxcifar.core import host_memory


@pytest.fixture
def mapped(monkeypatch, tmp_path):
    monkeypatch.setattr(host_memory, "MAPPED", tmp_path / "maps")
    monkeypatch.setattr(host_memory, "MOST", tmp_path / "most")
    host_memory.MOST.write_text("10\n")
    return host_memory.MAPPED


GROUPS = {  # /proc/self/cgroup, the files of limits -> what counts of a host of 2**60 bytes
    "none": ("", {}, 2**60),
    "of version 2": ("0::/a/b\n", {"a/memory.max": "4000", "a/b/memory.max": "max"}, 4000),
    "the least of all above": ("0::/a/b\n", {"a/memory.max": "4000", "memory.max": "9"}, 9),
    "of the root": ("0::/\n", {"memory.max": "5000\n"}, 5000),
    "of another": ("0::/a\n", {"c/memory.max": "5000"}, 2**60),
    "of version 1": ("7:memory:/a\n4:cpu:/a\n", {"memory/a/memory.limit_in_bytes": "70"}, 70),
    "without limit": ("7:memory:/\n", {"memory/memory.limit_in_bytes": str(2**63 - 4096)}, 2**60),
}  # fmt: skip


@pytest.mark.reliability("T13")
@pytest.mark.parametrize("case", GROUPS)
def test_a_container_s_limit_counts(case, monkeypatch, tmp_path):
    told, files, expected = GROUPS[case]
    monkeypatch.setattr(host_memory, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(host_memory, "LIMITS", tmp_path / "fs")
    monkeypatch.setattr(host_memory.os, "sysconf", lambda name: 2**30)
    (tmp_path / "cgroup").write_text(told)
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text)
    assert host_memory.limit() == expected


def compiled():
    """A function of its own, compiled once; and how many programs it holds."""
    double = jax.jit(lambda x: 2 * x)
    double(jnp.ones(3))
    return double


@pytest.mark.parametrize(("lines", "dropped"), [(4, False), (5, True)])
def test_programs_are_dropped_at_half_of_the_kernel_s_limit(mapped, lines, dropped):
    double = compiled()
    mapped.write_text("7f00-7f01 r-xp\n" * lines)
    assert host_memory.make_room() is dropped
    assert double._cache_size() == (0 if dropped else 1)
    assert double(3) == 6


def test_nothing_happens_where_the_system_does_not_tell(mapped):
    double = compiled()
    assert host_memory.make_room() is False and double._cache_size() == 1
