"""A snapshot made by hand."""

import numpy as np

from jaxcifar.core.types import Book, Cursor, Snapshot, TrainState


def made(step=3, value=1.0):
    """A snapshot of two members with every kind of leaf: float32, uint32, bool, ints, empty."""
    params = {"conv": {"kernel": np.full((2, 3), value, np.float32)}}
    state = TrainState(
        params=params, batch_stats={}, opt_state=({"m": params}, np.array([1, 2], np.int32)),
        average=(), alive=np.array([True, False]), bad_step=np.array([-1, 2], np.int32),
    )  # fmt: skip
    book = Book(
        plateau=(np.zeros(2),), best_value=np.array([-np.inf, 0.5]),
        best_step=np.array([-1, 3]), steps={"examples": np.array([[1, 2**32 - 1]], np.uint32)},
        rows={"val_loss": np.array([[np.nan, 1.5]])}, seconds=np.zeros(1),
    )  # fmt: skip
    return Snapshot(state, {"params": params, "batch_stats": {}}, book, Cursor(0, step, False))
