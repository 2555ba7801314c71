"""What every test stands on: the CPU, no user caches, strict numerics."""

import os
from collections.abc import Callable
from importlib.metadata import version

import jax
import pytest

from jaxcifar.models.convolution import portions

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAXCIFAR_CACHE", "off")
os.environ.pop("JAXCIFAR_DATA", None)

jax.config.update("jax_numpy_rank_promotion", "raise")
# Less optimised code, and whole batches, compile in half of the time; the commands' tests run, each
# in a process of its own, what a user runs, and those of the portions set their own size.
jax.config.update("jax_disable_most_optimizations", True)
portions.PIXELS = 1 << 20
if version("jaxlib").startswith("0.10."):  # later ones know no such flag
    flags = ("--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1")
    os.environ.setdefault("XLA_FLAGS", " ".join(flags))


@pytest.fixture
def key() -> jax.Array:
    """A key; tests that need several split it."""
    return jax.random.key(0)


def pytest_configure(config: pytest.Config) -> None:
    """Know the marker that the page of promises is written from."""
    config.addinivalue_line(
        "markers", "reliability(id): proves that promise of docs/reliability.md"
    )


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Callable[[int], None]:
    """Tells how many cases a test tried; one where it says nothing."""
    return lambda count: request.node.user_properties.append(("tried", count))


LONGEST = ("test_resume", "test_networks", "test_engine", "test_train", "test_convolution")
"""Files that begin first, so that no worker is left with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the order within files and among the others; let reports tell what a test proves."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    for item in items:
        marks = item.iter_markers("reliability")
        item.user_properties += [("reliability", mark.args[0]) for mark in marks]
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))
