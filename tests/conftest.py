"""What every test stands on: the CPU, no user caches, strict numerics."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAXCIFAR_CACHE", "off")
os.environ.pop("JAXCIFAR_DATA", None)

import jax
import pytest

jax.config.update("jax_numpy_rank_promotion", "raise")
# Less optimised code compiles in two thirds of the time; the command-line tests run the full one.
jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture
def key() -> jax.Array:
    """A key; tests that need several split it."""
    return jax.random.key(0)
