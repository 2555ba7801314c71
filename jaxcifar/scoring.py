"""Scoring a population on a set of images, in chunks that a stop can come between."""

from collections.abc import Callable

import numpy as np

from jaxcifar import faults, programs
from jaxcifar.types import Images, Numbers, Program, Tree

CHUNK_BATCHES = 4


class Stopped(Exception):
    """Scoring was left half done; it will be done again."""


def score(
    program: Program, weights_of: Tree, numbers: Numbers, images: Images, batch: int,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Mean loss (nats) and accuracy of every member, each image counted exactly once.

    Returns: two float64 (M,) arrays. Runs in chunks so that a stop need not wait for the end.
    """
    n, chunk = images.labels.shape[0], batch * CHUNK_BATCHES
    run = programs.make_score(program, batch)
    losses, corrects = [], []
    for begin in range(0, n, chunk):
        rows = np.minimum(np.arange(begin, begin + chunk), n - 1)
        part = programs.take(images, programs.replicate(rows, program))
        count = np.int32(min(n - begin, chunk))
        loss, correct = run(weights_of["params"], weights_of["batch_stats"], numbers, part, count)
        losses.append(np.asarray(loss, np.float64))
        corrects.append(np.asarray(correct, np.int64))
        faults.reach("evaluation")
        if stop():
            raise Stopped
    loss_sum = np.concatenate(losses, axis=1).sum(axis=1)
    return loss_sum / n, np.concatenate(corrects, axis=1).sum(axis=1) / n
