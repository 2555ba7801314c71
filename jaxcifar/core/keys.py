"""Random keys, derived from (seed, purpose, time); none is ever stored."""

import enum

import jax


class Purpose(enum.IntEnum):
    """What a key is for. The numbers are part of every result: never renumber."""

    INIT = 0
    ORDER = 1
    AUGMENT = 2
    DROPOUT = 3
    SCORE = 4
    STATISTICS = 5
    DIRECTION = 6


def key_at(seed: jax.Array | int, purpose: Purpose, time: jax.Array | int) -> jax.Array:
    """The key of one purpose at one time, the same wherever a run was cut.

    Args:
        seed: integer scalar, may be traced.
        purpose: the stream; streams of one seed are independent.
        time: step or epoch counted from the start of the run; may be traced.
    """
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), purpose), time)
