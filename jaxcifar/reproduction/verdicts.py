"""Whether runs bear a published statement out, by one rule for all reports.

*reproduced*: the published value lies in the 95 % prediction interval of our runs at the published
size, at least three seeds; of a statement without a value, its sign has a Holm-corrected p < .05.
*contradicted*: the value lies outside, or the reversed sign has a Holm-corrected p < .05.
*not distinguishable*: neither. *not run at published size*: nothing here can tell.

A number that comes in steps, such as whole epochs, can be the same for all seeds by rounding alone:
its sample deviation counts as at least that of rounding, step / sqrt(12), in interval and test.
"""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.core.wording import known
from jaxcifar.report.statistics import Spread, spread, student

LEVEL = 0.95  # of the prediction interval; 1 - LEVEL is the level of the tests
LEAST = 3  # seeds
ROUNDING = 1e-12  # relative; less is no difference
FLOAT32 = 2.0**-23  # steps of float32 near 1: the resolution of losses and other real numbers

RULE = (
    "Rule. Reproduced: the published value lies in the 95 % prediction interval of our seeds at "
    "the published size, n of at least 3; of a claim that only gives a sign, that sign has a "
    "Holm-corrected p below .05 in the paired test over seeds. Contradicted: the value lies "
    "outside of it, or the reversed sign has such a p. Not distinguishable: neither. Otherwise "
    "not run at published size: the numbers still stand there, but nothing follows from them. "
    "Where a number comes in steps (whole epochs, single images), its deviation over seeds counts "
    "as at least that of rounding to them, the step over the square root of 12: equal seeds prove "
    "no more than that. "
    "The p values of this table are corrected together. No verdict is given by hand."
)


class Verdict(StrEnum):
    """What can be said of a published statement."""

    REPRODUCED = "reproduced"
    CONTRADICTED = "contradicted"
    UNCLEAR = "not distinguishable"
    NOT_RUN = "not run at published size"


class Interval(NamedTuple):
    """Two ends, both within; NaN where there is none."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float):
            return False
        slack = ROUNDING * abs(value)
        return self.low - slack <= value <= self.high + slack


class Finding(NamedTuple):
    """A published statement, and what our runs measured of it.

    `ours` has one number a seed, NaN where there is none. `published` is the statement's value,
    `sign` the sign it gives that number (0: it gives none). For a comparison of two networks the
    number is the difference of their runs at a seed, so that its test is the paired one.
    `resolution` is the step in which the number comes, 0 where it is exact.
    """

    ours: tuple[float, ...]
    published: float | None = None
    sign: int = 0
    at_size: bool = True
    resolution: float = 0.0


class Judgement(NamedTuple):
    """A finding's verdict and the numbers behind it; NaN where there is none.

    `p` is corrected over all findings that were judged together, and is NaN without a sign.
    """

    verdict: Verdict
    spread: Spread
    interval: Interval
    p: float


def prediction_interval(
    values: Sequence[Any], level: float = LEVEL, resolution: float = 0.0
) -> Interval:
    """Where one further run would lie: mean -+ t s sqrt(1 + 1/n), Student t, n - 1 degrees.

    Args:
        values: a number a seed; what is not finite is left out.
        level: in (0, 1).
        resolution: the step in which the values come, in their unit: s is at least that of
            rounding to it.

    Returns: both ends, in the values' unit; NaN for fewer than two.
    """
    found = spread(values)
    half = (
        student(found.n, level) * _deviation(found, resolution) * math.sqrt(1 + 1 / (found.n or 1))
    )
    return Interval(found.mean - half, found.mean + half)


def _deviation(found: Spread, resolution: float) -> float:
    """The sample deviation, or that of rounding where it is less; NaN for fewer than two values."""
    return max(found.deviation, resolution / math.sqrt(12)) if found.n > 1 else math.nan


def differences(first: Sequence[float], second: Sequence[float]) -> tuple[float, ...]:
    """``first - second`` seed by seed; NaN where one of them is missing.

    What differs by rounding alone is 0: else a test would find it significant.
    """
    return tuple(_difference(a, b) for a, b in zip(first, second, strict=True))


def _difference(a: float, b: float) -> float:
    if not (known(a) and known(b)):
        return math.nan
    return 0.0 if math.isclose(a, b, rel_tol=ROUNDING) else a - b


def p_of_zero(values: Sequence[Any], resolution: float = 0.0) -> float:
    """Two-sided p of Student's test that the mean is 0: of `differences`, the paired test.

    Exact values (`resolution` 0, as of `prediction_interval`) that are all the same give 1 where
    they are 0, else 0. NaN for fewer than two.
    """
    from scipy.special import stdtr

    found = spread(values)
    if found.n < 2:
        return math.nan
    deviation = _deviation(found, resolution)
    if deviation <= ROUNDING * abs(found.mean):
        return float(found.mean == 0)
    t = abs(found.mean) * math.sqrt(found.n) / deviation
    return 2 * float(stdtr(found.n - 1, -t))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down correction over the values that are there (Scand. J. Statist. 6, 1979)."""
    p = np.array(p_values, np.float64)
    there = np.flatnonzero(np.isfinite(p))
    order = there[np.argsort(p[there], kind="stable")]
    raised = p[order] * np.arange(len(order), 0, -1)
    corrected = np.full(len(p), np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1)
    return tuple(map(float, corrected))


def judge(findings: Sequence[Finding]) -> tuple[Judgement, ...]:
    """The verdicts of findings that are reported together; their p values are corrected as one."""
    raw = [p_of_zero(f.ours, f.resolution) if f.sign else math.nan for f in findings]
    return tuple(_judgement(finding, p) for finding, p in zip(findings, holm(raw), strict=True))


def _judgement(finding: Finding, p: float) -> Judgement:
    interval = prediction_interval(finding.ours, resolution=finding.resolution)
    found = spread(finding.ours)
    return Judgement(_verdict(finding, found, interval, p), found, interval, p)


def _verdict(finding: Finding, found: Spread, interval: Interval, p: float) -> Verdict:
    if not finding.at_size or found.n == 0:
        return Verdict.NOT_RUN
    if found.n < LEAST:
        return Verdict.UNCLEAR
    clear = p < 1 - LEVEL
    if clear and found.mean * finding.sign < 0:
        return Verdict.CONTRADICTED
    if finding.published is not None:
        inside = finding.published in interval
        return Verdict.REPRODUCED if inside else Verdict.CONTRADICTED
    return Verdict.REPRODUCED if clear and finding.sign else Verdict.UNCLEAR
