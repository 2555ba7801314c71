"""The numbers that a report derives from records: spread over seeds, bands over learning rates."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.core.wording import known
from jaxcifar.records import bands
from jaxcifar.records.curves import Records

SPIKES_AFTER = 5000  # 0-based step: by then every healthy run has left the first descent
SPIKES_ABOVE = 1.0  # nats


class Spread(NamedTuple):
    """Mean, sample standard deviation and 95 % Student-t interval of n values; NaN = none."""

    n: int
    mean: float
    deviation: float
    low: float
    high: float


def spread(values: Sequence[Any], level: float = 0.95) -> Spread:
    """The spread of the values that are there; one value has no deviation and no interval."""
    there = np.array([value for value in values if known(value)], np.float64)
    n, mean = len(there), float(there.mean()) if len(there) else math.nan
    if n < 2:
        return Spread(n, mean, math.nan, math.nan, math.nan)
    deviation = float(there.std(ddof=1))
    half = student(n, level) * deviation / math.sqrt(n)
    return Spread(n, mean, deviation, mean - half, mean + half)


def student(n: int, level: float = 0.95) -> float:
    """What Student's t of n values lies within, to either side, with a chance of `level`.

    NaN for fewer than two values.
    """
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, (1 + level) / 2)) if n > 1 else math.nan


class BandNumbers(NamedTuple):
    """Widths (nats) and spikes of a network's loss band, each the mean over seeds; NaN = none."""

    rates: int
    steps: int
    width: float
    first_epoch: float
    last_epoch: float
    spikes: float


def band_numbers(records: Records, series: str) -> BandNumbers | None:
    """Numbers of the band that a network's runs span; None where no seed has two learning rates.

    Runs are cut to the shortest; widths end where a run is lost (see `bands.width`).
    """
    per_seed = [_one_seed(records, rows) for seed in range(records.seeds)
                if len(rows := records.rows(series, replicate=seed)) > 1]  # fmt: skip
    rates = {member.lr for member in records.members if member.series == series}
    if not per_seed or len(rates) < 2:
        return None
    means = [float(np.mean(values)) for values in zip(*per_seed, strict=True)]
    return BandNumbers(len(rates), int(min(row[0] for row in per_seed)), *means[1:])


def _one_seed(records: Records, rows: Sequence[int]) -> tuple[float, float, float, float, float]:
    members = [records.members[row] for row in rows]
    length = min(member.length for member in members)
    band = bands.loss_band(records.steps["loss"][list(rows), :length])
    epochs = bands.width_per_epoch(band, members[0].steps_per_epoch)
    first, last = (epochs[0], epochs[-1]) if epochs.size else (math.nan, math.nan)
    reached = length > SPIKES_AFTER + 1
    spikes = bands.spikes(band, SPIKES_AFTER, SPIKES_ABOVE) if reached else math.nan
    return length, bands.mean_width(band), first, last, spikes
