"""The validation part."""

import numpy as np
import pytest

from jaxcifar.core.errors import UserError
from jaxcifar.data import split


@pytest.mark.parametrize("n, fraction, validation", [(50_000, 0.1, 5_000), (7, 0.5, 4), (9, 0, 0)])
def test_parts_are_disjoint_sorted_and_complete(n, fraction, validation):
    train, held_out = split(n, fraction, 42)
    assert len(held_out) == validation and train.dtype == held_out.dtype == np.int32
    assert np.all(np.diff(train) > 0) and np.all(np.diff(held_out) > 0)
    assert np.array_equal(np.sort(np.concatenate([train, held_out])), np.arange(n))


def test_draw_depends_on_the_seed_alone():
    """Pinned: another draw changes every result selected on the validation part."""
    assert split(20, 0.25, 0)[1].tolist() == PINNED
    assert np.array_equal(split(50_000, 0.1, 1)[1], split(50_000, 0.1, 1)[1])
    assert not np.array_equal(split(50_000, 0.1, 1)[1], split(50_000, 0.1, 2)[1])


def test_draw_is_spread_evenly():
    held_out = split(50_000, 0.1, 7)[1]
    counts = np.bincount(held_out // 5_000, minlength=10)
    assert counts.sum() == 5_000 and counts.min() > 400 and counts.max() < 600


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 1.5, 0.99, float("nan")])
def test_fraction_out_of_range_is_refused(fraction):
    with pytest.raises(UserError, match="leaves none to train on\nallowed: 0"):
        split(10, fraction, 0)


PINNED = [2, 3, 11, 13, 15]
