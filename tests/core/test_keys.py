"""Random keys: what each is for is part of every result."""

import itertools

import jax

from jaxcifar.core.keys import Purpose, key_at


def test_purposes_keep_their_numbers():
    """Another number is another stream: every result would be another."""
    assert {purpose.name: purpose.value for purpose in Purpose} == {
        "INIT": 0, "ORDER": 1, "AUGMENT": 2, "DROPOUT": 3, "SCORE": 4, "STATISTICS": 5,
        "DIRECTION": 6,
    }  # fmt: skip


def test_no_two_seeds_purposes_or_times_share_a_key():
    every = list(itertools.product((0, 1, 2), Purpose, (0, 1, 2)))
    keys = {tuple(jax.random.key_data(key_at(*each)).tolist()) for each in every}
    assert len(keys) == len(every)


def test_a_key_is_two_folds_of_the_seed_s():
    folded = jax.random.fold_in(jax.random.fold_in(jax.random.key(7), 3), 11)
    assert key_at(7, Purpose.DROPOUT, 11) == folded
