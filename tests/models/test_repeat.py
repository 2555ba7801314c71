"""Blocks of one shape, one after another: a loop on a CPU, laid out elsewhere."""

import jax
import numpy as np
import pytest

from jaxcifar import models
from jaxcifar.models import network


def gradients(monkeypatch, backend):
    """Of the residual encoder with eight blocks, and the traced program."""
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    model = models.make_model("rn8", lowering="library")
    images = jax.random.normal(jax.random.key(0), (4, 32, 32, 3))
    variables = model.init(jax.random.key(1), images, train=False)

    def loss(params):
        given = variables | {"params": params}
        return model.apply(given, images, train=True, mutable=["batch_stats"])[0].std()

    program = str(jax.make_jaxpr(jax.grad(loss))(variables["params"]))
    return program, jax.jit(jax.grad(loss))(variables["params"])


@pytest.mark.slow
def test_off_the_cpu_blocks_are_laid_out(monkeypatch):
    program, looped = gradients(monkeypatch, "cpu")
    assert "unroll=1\n" in program and "unroll=8\n" not in program
    program, laid_out = gradients(monkeypatch, "gpu")
    assert "unroll=8\n" in program and "unroll=1\n" not in program
    for one, other in zip(jax.tree.leaves(looped), jax.tree.leaves(laid_out), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5 * np.abs(one).max())


@pytest.mark.parametrize(("backend", "count", "at_once"), [
    ("cpu", 16, 1), ("gpu", 16, 16), ("gpu", network.STRAIGHT + 1, 1),
])  # fmt: skip
def test_very_deep_networks_stay_loops(backend, count, at_once, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    assert network._at_once(count) == at_once
