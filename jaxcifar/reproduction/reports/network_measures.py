"""Measures of what trained networks look like inside, from test.npz, histograms and probes.

Each takes a run, a member with its seed, and an argument that none of them uses; NaN where the run
did not record what it takes.
"""

import math
import re
from collections.abc import Callable

import numpy as np

from jaxcifar.figures.layer_units import units
from jaxcifar.records.calibration import expected_calibration_error
from jaxcifar.reproduction.reports.runs import Trained

Of = Callable[[Trained, str, float | None], float]
Weights = tuple[np.ndarray, np.ndarray]  # centres of all bins of some kernels, and counts

# Of the network and its blocks: neither attention nor a unit transform is meant
CONVOLUTION = r"^(?!.*\b(sa|unit)/)(.*/)?(\w+_)?conv\d*/kernel$"
SPATIAL, CHANNEL, UNIT = r"/sa/", r"/se/", r"/unit/"
SA_RANGE = (-0.1, 0.2)  # where R1 saw most weights of spatial attention


def calibration_error(trained: Trained, name: str, _: float | None = None) -> float:
    """Expected calibration error of the weights that the run reports, on the test set."""
    scored = trained.inside.scored.get(name)
    if scored is None or trained.run.leading not in scored.kinds:
        return np.nan
    row = scored.kinds.index(trained.run.leading)
    return expected_calibration_error(
        scored.bin_count[row], scored.bin_correct[row], scored.bin_confidence[row]
    )


def dead(trained: Trained, name: str, _: float | None = None) -> float:
    """Share of channels that are never above 0 after training, mean over the layers of units."""
    probes = trained.inside.probes.get(name)
    kept = np.empty(0) if probes is None else probes.final_dead[units(probes.layers)]
    return float(kept.mean()) if kept.size else np.nan


def rms_slope(trained: Trained, name: str, _: float | None = None) -> float:
    """Slope of log(root mean square) of the convolutions' outputs, a layer, before training."""
    probes = trained.inside.probes.get(name)
    if probes is None:
        return np.nan
    depth = [row for row, layer in enumerate(probes.layers) if "conv" in layer]
    sizes = probes.initial_rms[depth]
    usable = len(depth) > 1 and bool((sizes > 0).all())
    return float(np.polyfit(np.arange(len(depth)), np.log(sizes), 1)[0]) if usable else np.nan


def _weights(trained: Trained, name: str, pattern: str) -> Weights | None:
    """The weights after training of the kernels whose path matches, as bins."""
    found = trained.inside.histograms.get(name)
    if found is None:
        return None
    rows = [row for row, leaf in enumerate(found.leaves) if re.search(pattern, leaf)]
    if not rows:
        return None
    low, high, counts = (values[-1][rows] for values in (found.low, found.high, found.counts))
    middle = (np.arange(counts.shape[-1]) + 0.5) / counts.shape[-1]
    return low[:, None] + (high - low)[:, None] * middle, counts


def sa_share(trained: Trained, name: str, _: float | None = None) -> float:
    """Share of the weights of spatial attention within `SA_RANGE`, minus 1/2.

    Bins that an end cuts count by the part within.
    """
    found = _weights(trained, name, SPATIAL)
    if found is None:
        return np.nan
    centres, counts = found
    width = centres[:, 1:2] - centres[:, :1]
    below = np.array([_share_below(end, centres, width) for end in SA_RANGE])
    return float(np.average(below[1] - below[0], weights=counts)) - 0.5


def _share_below(end: float, centres: np.ndarray, width: np.ndarray) -> np.ndarray:
    """How much of each bin is below a number; of a kernel of equal weights, all or nothing."""
    return np.clip((end - centres) / np.where(width > 0, width, 1e-30) + 0.5, 0, 1)


def _moment(pattern: str, order: int) -> Of:
    """A standardised moment of the pooled weights; of order 1 the mean over the deviation."""

    def measure(trained: Trained, name: str, _: float | None = None) -> float:
        found = _weights(trained, name, pattern)
        if found is None:
            return np.nan
        centres, counts = found
        mean = float(np.average(centres, weights=counts))
        deviation = float(np.sqrt(np.average((centres - mean) ** 2, weights=counts)))
        if order == 1:
            return mean / deviation
        moment = float(np.average(((centres - mean) / deviation) ** order, weights=counts))
        return moment - 3 if order == 4 else moment

    return measure


def unit_rank(trained: Trained, name: str, _: float | None = None) -> float:
    """Effective rank of the unit transforms over the largest possible, minus 1/2; their mean.

    The effective rank is exp(entropy of the singular values over their sum): Roy and Vetterli,
    EUSIPCO 2007, definition 1.
    """
    probes = trained.inside.probes.get(name)
    if probes is None or probes.singular_values is None:
        return np.nan
    return float(np.mean([_effective_rank(row) for row in probes.singular_values])) - 0.5


def _effective_rank(values: np.ndarray) -> float:
    there = values[np.isfinite(values) & (values > 0)]
    share = there / there.sum()
    entropy = -float(np.sum(share * np.log(share)))
    return math.exp(entropy) / int(np.isfinite(values).sum())


conv_centre = _moment(CONVOLUTION, 1)
se_kurtosis = _moment(CHANNEL, 4)
unit_skewness = _moment(UNIT, 3)
