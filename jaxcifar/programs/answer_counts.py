"""What a network answered, as sums on the device: confusion matrix and calibration bins."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

N_BIN = 15
"""Bins of equal width over the top probability, as in arXiv:1706.04599."""


class Answers(NamedTuple):
    """Sums over images; C classes, B = 15 bins, bin b being (b / 15, (b + 1) / 15]."""

    confusion: Any  # (C, C) int32: images of each class (first axis) taken for each (second)
    bin_count: Any  # (B,) int32: images by their top softmax probability
    bin_correct: Any  # (B,) int32: those of them that were classified correctly
    bin_confidence: Any  # (B,) float: the sum of their top probabilities


def tally(logits: jax.Array, labels: jax.Array, mask: jax.Array) -> Answers:
    """The sums over those of (N, C) logits and (N,) labels that `mask` (N,) lets through.

    Comparisons and integers only, apart from the probabilities: the same bits on every run.
    """
    answers, top = jnp.argmax(logits, -1), jax.nn.softmax(logits).max(-1)
    classes = jnp.arange(logits.shape[-1])[None]
    true, given = (names[:, None] == classes for names in (labels, answers))
    edges = jnp.asarray(np.arange(1, N_BIN)[None] / N_BIN, top.dtype)
    bins = (top[:, None] > edges).sum(-1, keepdims=True) == jnp.arange(N_BIN)[None]
    bins &= mask[:, None]

    def count(which: jax.Array) -> jax.Array:
        return which.sum(axis=0, dtype=jnp.int32)

    return Answers(
        confusion=count((true & mask[:, None])[:, :, None] & given[:, None, :]),
        bin_count=count(bins),
        bin_correct=count(bins & (answers == labels)[:, None]),
        bin_confidence=jnp.where(bins, top[:, None], 0).sum(axis=0),
    )
