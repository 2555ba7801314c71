"""Scoring a population on a set of images, in chunks that a stop can come between."""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar import programs
from jaxcifar.core import kill_points
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.core.signals import Interrupted
from jaxcifar.core.types import Images, Numbers, Program, Tree
from jaxcifar.programs import Answers

CHUNK_BATCHES = 4


class Examined(NamedTuple):
    """A score with all that was answered."""

    loss: np.ndarray  # (M,) float64, mean in nats
    accuracy: np.ndarray  # (M,) float64, in [0, 1]
    answers: Answers  # leaves (M, ...), counts int64 and sums float64


def score(
    program: Program, weights_of: Tree, numbers: Numbers, images: Images, batch: int,
    stop: Callable[[], bool] = lambda: False, augmented_at: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Mean loss (nats) and accuracy of every member, each image counted exactly once.

    Args:
        program: what trained the weights.
        weights_of: {"params", "batch_stats"}, leaves (M, ...).
        numbers: placed as the weights are.
        images: N of them, on the devices.
        batch: how many are scored at once.
        stop: asked between chunks, so that a stop need not wait for the end.
        augmented_at: None = the images as they are; a step = augmented as in training, but for
            mixing, by draws of their own that follow from the seed and this step.

    Returns: two float64 (M,) arrays.
    Raises: Interrupted: `stop` said so.
    """
    run = make_score(program, batch, augmented_at is not None)
    found = _examined(run, program, weights_of, numbers, images, batch, stop, augmented_at or 0)
    return found.loss, found.accuracy


def examine(
    program: Program, weights_of: Tree, numbers: Numbers, images: Images, batch: int
) -> Examined:
    """`score` on images as they are, and the confusion and calibration of every member's answers.

    By the same compiled program, so that the numbers are the same whoever asks: what an answer is
    counted as costs next to nothing, another program many seconds. Args: as of `score`.
    """
    return _examined(make_score(program, batch, False), program, weights_of, numbers, images, batch)


def _examined(
    run: Callable[..., programs.Sums], program: Program, weights_of: Tree, numbers: Numbers,
    images: Images, batch: int, stop: Callable[[], bool] = lambda: False, step: int = 0,
) -> Examined:  # fmt: skip
    """Means over all images, from sums of leaves (M, ...), added up in float64 and int64."""
    n, chunk = images.labels.shape[0], batch * CHUNK_BATCHES
    parts = []
    for begin in range(0, n, chunk):
        rows = np.minimum(np.arange(begin, begin + chunk), n - 1)
        part = programs.take(images, programs.replicate(rows, program))
        place = np.array([min(n - begin, chunk), step, begin // batch], np.int32)
        found = run(weights_of["params"], weights_of["batch_stats"], numbers, part, place)
        parts.append(jax.tree.map(_widened, programs.host(found, program)))
        kill_points.reach("evaluation")
        if stop():
            raise Interrupted
    sums = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1).sum(axis=1), *parts)
    return Examined(sums.loss / n, sums.correct / n, sums.answers)


def _widened(leaf: np.ndarray) -> np.ndarray:
    return np.asarray(leaf, np.int64 if np.issubdtype(leaf.dtype, np.integer) else np.float64)


def _member_score(
    params: Tree, batch_stats: Tree, numbers: Numbers, data: Images, place: jax.Array, *,
    parts: programs.Parts, batch: int, augmented: bool,
) -> programs.Sums:  # fmt: skip
    n_batch, (count, step, first) = data.labels.shape[0] // batch, place

    def one(index: jax.Array) -> programs.Sums:
        rows = index * batch + jnp.arange(batch)
        images = jax.tree.map(
            lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, index * batch, batch), data
        )
        key = jax.random.fold_in(key_at(numbers.augment_seed, Purpose.SCORE, step), first + index)
        return programs.score_batch(
            params, batch_stats, numbers, images, rows < count, key if augmented else None,
            parts=parts, detailed=True,
        )  # fmt: skip

    return jax.lax.map(one, jnp.arange(n_batch))


@cache
def make_score(program: Program, batch: int, augmented: bool, /) -> Callable[..., programs.Sums]:
    """(params, batch_stats, numbers, chunk, place) -> sums of each batch, leaves (M, n_batch, ...).

    The chunk holds a whole number of batches. place: int32 (3,): how many of its images count,
    the step of the draws, and the number of its first batch. The weights are not donated and
    nothing comes back but sums: scoring cannot touch training.
    """
    parts = programs.bind_split(program, batch)
    member = partial(_member_score, parts=parts, batch=batch, augmented=augmented)
    return jax.jit(programs.over_members(member, program, (True, True, True, False, False)))
