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
