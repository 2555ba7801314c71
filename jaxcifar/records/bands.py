"""Loss bands over independent trainings, and the numbers that describe them. NumPy only.

A band here is the envelope of runs that differ in their learning rate alone (after
arXiv:1805.11604, figure 1), not a probe of the loss along a gradient.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Array = np.ndarray


class Band(NamedTuple):
    """Smallest, largest and mean value over runs at each step; NaN where there is none.

    The edges need two runs at a step, the mean one. `runs` says how many there are.
    """

    lower: Array
    upper: Array
    mean: Array
    runs: Array


def loss_band(losses: Array) -> Band:
    """Envelope of the training loss over learning rates, step by step.

    Args:
        losses: (R, S) nats, one row a run; not finite = that run has diverged, and the band goes
            on over the others.

    Returns:
        Band of (S,) float64 (`runs` int64).

    Raises:
        ValueError: fewer than two rows, since one run spans no band.
    """
    losses = np.asarray(losses, np.float64)
    if len(losses) < 2:
        raise ValueError(f"a band needs at least two runs, got {len(losses)}")
    finite = np.isfinite(losses)
    count = finite.sum(0)
    total = np.where(finite, losses, 0).sum(0)
    return Band(
        lower=np.where(count > 1, np.where(finite, losses, np.inf).min(0), np.nan),
        upper=np.where(count > 1, np.where(finite, losses, -np.inf).max(0), np.nan),
        mean=np.where(count > 0, total / np.maximum(count, 1), np.nan),
        runs=count,
    )


def average(bands: Sequence[Band]) -> Band:
    """Mean of lower edges, upper edges and means over seeds, cut to the shortest.

    NaN in one seed is NaN in the average; `runs` is the smallest.
    """
    length = min(len(band.mean) for band in bands)
    lower, upper, mean, runs = (
        np.stack([field[:length] for field in fields]) for fields in zip(*bands, strict=True)
    )
    return Band(lower.mean(0), upper.mean(0), mean.mean(0), runs.min(0))


def outermost(bands: Sequence[Band]) -> Band:
    """As `average`, but with the lowest lower and the highest upper edge of any seed."""
    lower, upper = (
        [getattr(band, edge)[: min(len(band.mean) for band in bands)] for band in bands]
        for edge in ("lower", "upper")
    )
    return average(bands)._replace(lower=np.min(lower, 0), upper=np.max(upper, 0))


def epoch_means(values: Array, steps_per_epoch: int) -> Array:
    """Plain means (..., E) over the whole epochs in (..., S); NaN where one step has NaN."""
    epochs = values.shape[-1] // steps_per_epoch
    whole = np.asarray(values[..., : epochs * steps_per_epoch], np.float64)
    return whole.reshape(*values.shape[:-1], epochs, steps_per_epoch).mean(-1)


def width(band: Band) -> Array:
    """Upper minus lower edge at each step (S,); NaN from where a run is lost.

    The envelope of the runs that are left would look narrower than that of the study.
    """
    return np.where(band.runs == band.runs.max(initial=0), band.upper - band.lower, np.nan)


def mean_width(band: Band) -> float:
    """Mean `width` over the steps that have one, in nats; NaN if none has."""
    widths = width(band)
    known = np.isfinite(widths)
    return float(widths[known].mean()) if known.any() else float("nan")


def width_per_epoch(band: Band, steps_per_epoch: int) -> Array:
    """Mean `width` in each whole epoch, (E,); NaN from where a run is lost."""
    return epoch_means(width(band), steps_per_epoch)


def spikes(band: Band, after: int = 5000, above: float = 1.0) -> int:
    """Steps later than step `after` (0-based) whose upper edge lies above `above` nats."""
    return int((band.upper[after + 1 :] > above).sum())


def epochs_to(accuracy: Array, epoch: Array, threshold: float) -> float:
    """The first `epoch` (E,) whose accuracy (E,) reaches the threshold; NaN if none does."""
    reached = np.flatnonzero(np.asarray(accuracy) >= threshold)
    return float(epoch[reached[0]]) if reached.size else float("nan")
