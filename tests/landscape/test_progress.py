"""Pieces of work at a time: their order, how many, what a failure leaves."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar import landscape
from jaxcifar.landscape import points
from jaxcifar.landscape.progress import in_turn


@pytest.mark.parametrize("at_once", [1, 2, 3])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_answers_come_in_order_and_so_many_are_worked_on(at_once, count):
    """Pieces that wait for each other: fewer at a time would never end, more are counted."""
    together = min(at_once, count)
    meeting, working, most = threading.Barrier(max(together, 1)), [], []

    def call(part):
        working.append(part)
        most.append(len(working))
        if part < together:  # the first ones meet, so that they are there together
            meeting.wait(timeout=10)
        working.remove(part)
        return part * part

    assert list(in_turn(call, range(count), at_once)) == [part * part for part in range(count)]
    assert max(most, default=0) <= at_once


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_failure_is_raised_in_its_turn_and_the_rest_is_not_begun(at_once):
    begun, seen = [], []

    def call(part):
        begun.append(part)
        return 1 / (3 - part)

    with pytest.raises(ZeroDivisionError):
        for found in in_turn(call, range(100), at_once):
            seen.append(found)
    assert seen == [1 / 3, 1 / 2, 1] and max(begun) <= 3 + at_once


def test_what_nobody_asks_for_is_not_begun():
    begun = []
    parts = in_turn(begun.append, range(100), 2)
    next(parts)
    parts.close()
    assert len(begun) <= 3


def test_calls_of_other_threads_compute_as_the_one_that_asked(monkeypatch):
    """In float64 where this thread has it: a thread of its own would not know of it."""
    with jax.enable_x64(True):
        mine = landscape.of_loss(lambda p, x: jnp.square(p["w"] * x).sum(),
                                 {"w": np.full((3, 2), 1 / 3)}, np.ones(2))  # fmt: skip
        wanted = landscape.line(mine, resolution=5).loss
        assert wanted[2] == pytest.approx(2 / 3, rel=1e-15)
        monkeypatch.setattr(points, "AT_ONCE", 2)  # a call a point
        np.testing.assert_array_equal(landscape.line(mine, resolution=5).loss, wanted)
