"""The verdict rule, its interval and its tests, against SciPy and by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from jaxcifar.reproduction import verdicts
from jaxcifar.reproduction.verdicts import Finding, Verdict

NAN = math.nan


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_the_prediction_interval_is_scipys(n):
    values = np.random.default_rng(n).normal(80, 2, n)
    scale = values.std(ddof=1) * math.sqrt(1 + 1 / n)
    expected = stats.t.interval(0.95, n - 1, values.mean(), scale)
    np.testing.assert_allclose(verdicts.prediction_interval(values), expected, rtol=1e-12)
    wider = verdicts.prediction_interval(values, 0.99)
    np.testing.assert_allclose(wider, stats.t.interval(0.99, n - 1, values.mean(), scale))


def test_the_prediction_interval_holds_one_further_run():
    rng = np.random.default_rng(0)
    held = [rng.normal() in verdicts.prediction_interval(rng.normal(size=4)) for _ in range(2000)]
    assert 0.93 < np.mean(held) < 0.97


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_the_paired_test_is_scipys(n):
    rng = np.random.default_rng(n)
    first, second = rng.normal(0.3, 1, n), rng.normal(0, 1, n)
    p = verdicts.p_of_zero(verdicts.differences(first, second))
    assert p == pytest.approx(stats.ttest_rel(first, second).pvalue, rel=1e-10)


def test_pairs_with_a_missing_seed_are_left_out():
    first, second = [1.0, 2.0, NAN, 4.0, 6.0], [0.5, NAN, 1.0, 3.0, 3.0]
    found = verdicts.differences(first, second)
    np.testing.assert_array_equal(found, [0.5, NAN, NAN, 1.0, 3.0])
    kept = stats.ttest_rel([1.0, 4.0, 6.0], [0.5, 3.0, 3.0]).pvalue
    assert verdicts.p_of_zero(found) == pytest.approx(kept)


def test_equal_values_and_single_ones():
    assert verdicts.p_of_zero([0.0, 0.0, 0.0]) == 1 and verdicts.p_of_zero([2.0, 2.0]) == 0
    assert math.isnan(verdicts.p_of_zero([1.0])) and math.isnan(verdicts.p_of_zero([]))
    assert verdicts.prediction_interval([5.0, 5.0, 5.0]) == (5.0, 5.0)
    assert all(map(math.isnan, verdicts.prediction_interval([5.0])))
    assert 5.0 not in verdicts.prediction_interval([5.0])


def test_equal_values_in_steps_are_as_uncertain_as_rounding():
    """Three times 3 whole epochs: s = 1 / sqrt(12), so t = 3 sqrt(3) sqrt(12) = 18."""
    epochs = [3.0, 3.0, 3.0]
    assert verdicts.p_of_zero(epochs, 1.0) == pytest.approx(2 * stats.t.sf(18, 2))
    assert verdicts.p_of_zero(epochs) == 0 and verdicts.p_of_zero([0.0, 0.0], 1.0) == 1
    half = stats.t.ppf(0.975, 2) * math.sqrt(1 / 12) * math.sqrt(4 / 3)
    found = verdicts.prediction_interval(epochs, resolution=1.0)
    assert found == pytest.approx((3 - half, 3 + half))
    assert math.isnan(verdicts.p_of_zero([3.0], 1.0))
    assert all(map(math.isnan, verdicts.prediction_interval([3.0], resolution=1.0)))


def test_a_deviation_above_that_of_rounding_stays():
    values = [1.0, 4.0, 2.0]
    assert verdicts.p_of_zero(values, 1.0) == verdicts.p_of_zero(values)
    assert verdicts.prediction_interval(values, resolution=1.0) == pytest.approx(
        verdicts.prediction_interval(values)
    )


def test_a_verdict_counts_the_resolution():
    equal = Finding((1.0, 1.0, 1.0), sign=1, resolution=1.0)
    alone, among, other = (
        verdicts.judge([finding])[0].verdict
        for finding in (equal, equal._replace(resolution=0.0), equal._replace(resolution=2.0))
    )
    assert (alone, among, other) == (Verdict.REPRODUCED, Verdict.REPRODUCED, Verdict.UNCLEAR)
    two = [*verdicts.judge([equal, equal])]
    assert two[0].p == pytest.approx(2 * 2 * stats.t.sf(6, 2)) and two[0].verdict == Verdict.UNCLEAR
    value = Finding((1.0, 1.0, 1.0), published=2.0, resolution=1.0)
    assert verdicts.judge([value])[0].verdict == Verdict.REPRODUCED
    assert verdicts.judge([value._replace(resolution=0.0)])[0].verdict == Verdict.CONTRADICTED


def test_rounding_is_no_difference():
    assert verdicts.differences([0.3], [0.1 + 0.2]) == (0.0,)
    assert 0.1 + 0.2 in verdicts.Interval(0.3, 0.3) and 0.30001 not in verdicts.Interval(0.3, 0.3)
    assert verdicts.p_of_zero([0.1 + 0.2, 0.3, 0.3]) == 0


def test_losses_come_in_steps_of_float32():
    assert verdicts.FLOAT32 == np.finfo(np.float32).eps


def test_holm_by_hand():
    # Sorted .005 .01 .03 .04, times 4 3 2 1, each at least the one before it.
    assert verdicts.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    corrected = verdicts.holm([NAN, 0.5, 0.9, 0.02])
    assert corrected[1:] == pytest.approx((1.0, 1.0, 0.06)) and math.isnan(corrected[0])
    assert verdicts.holm([0.8, 0.9]) == (1.0, 1.0), "no chance is larger"
    assert verdicts.holm([]) == ()


@pytest.mark.parametrize("seed", range(4))
def test_holm_rejects_what_the_step_down_rule_rejects(seed):
    p = np.random.default_rng(seed).uniform(0, 0.06, 9)
    rejected = np.zeros(9, bool)
    for rank, index in enumerate(np.argsort(p)):  # the rule as it was published
        if p[index] >= 0.05 / (9 - rank):
            break
        rejected[index] = True
    np.testing.assert_array_equal(np.array(verdicts.holm(p)) < 0.05, rejected)


UP, DOWN, MIXED = (1.0, 1.1, 0.9), (-1.0, -1.1, -0.9), (1.0, -1.0, 0.2)


@pytest.mark.parametrize(
    "finding, verdict",
    [
        (Finding(UP, published=1.3), Verdict.REPRODUCED),
        (Finding(UP, published=2.0), Verdict.CONTRADICTED),
        (Finding(UP, published=-1.0), Verdict.CONTRADICTED),
        (Finding(UP, sign=1), Verdict.REPRODUCED),
        (Finding(UP, sign=-1), Verdict.CONTRADICTED),
        (Finding(DOWN, sign=-1), Verdict.REPRODUCED),
        (Finding(DOWN, published=-1.0, sign=1), Verdict.CONTRADICTED),
        (Finding(UP, published=1.0, sign=1), Verdict.REPRODUCED),
        (Finding(MIXED, sign=1), Verdict.UNCLEAR),
        (Finding(UP), Verdict.UNCLEAR),
        (Finding(UP[:2], published=1.0), Verdict.UNCLEAR),
        (Finding((1.0, 1.0, NAN), published=1.0, sign=1), Verdict.UNCLEAR),
        (Finding(UP, published=1.0, sign=1, at_size=False), Verdict.NOT_RUN),
        (Finding((), sign=1), Verdict.NOT_RUN),
        (Finding((NAN, NAN, NAN), published=1.0), Verdict.NOT_RUN),
        (Finding((0.0, 0.0, 0.0), published=0.0), Verdict.REPRODUCED),
        (Finding((0.0, 0.0, 0.0), sign=1), Verdict.UNCLEAR),
    ],
)
def test_the_rule(finding, verdict):
    assert verdicts.judge([finding])[0].verdict == verdict


def test_p_values_are_corrected_over_what_is_judged_together():
    alone = verdicts.judge([Finding((1.0, 1.3, 0.7), sign=1)])[0]
    assert alone.p == pytest.approx(0.0287, abs=1e-3) and alone.verdict == Verdict.REPRODUCED
    one, value, other = verdicts.judge(
        [Finding((1.0, 1.3, 0.7), sign=1), Finding(UP, published=1.0), Finding(MIXED, sign=1)]
    )
    assert one.p == pytest.approx(2 * alone.p) and one.verdict == Verdict.UNCLEAR
    assert math.isnan(value.p) and other.verdict == Verdict.UNCLEAR
    assert value.spread.n == 3 and value.spread.mean == pytest.approx(1.0)
