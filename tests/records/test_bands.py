"""Bands and their numbers, also against a study whose numbers were published."""

import numpy as np
import pytest

from jaxcifar.records import bands

# Recorded epoch means (nats) of VGG-A with BatchNorm at 1e-4, 5e-4, 1e-3, 2e-3; 20 epochs.
RECORDED = np.array([
    [1.2284, 1.2041, 1.3730, 1.8744], [0.8077, 0.7578, 0.8794, 1.3105],
    [0.5739, 0.5832, 0.6771, 0.9490], [0.3881, 0.4610, 0.5461, 0.7530],
    [0.2514, 0.3611, 0.4399, 0.6175], [0.1684, 0.2773, 0.3531, 0.5046],
    [0.1283, 0.2121, 0.2867, 0.4054], [0.1036, 0.1697, 0.2204, 0.3280],
    [0.0922, 0.1297, 0.1678, 0.2512], [0.0798, 0.1082, 0.1400, 0.1995],
    [0.0733, 0.0915, 0.1115, 0.1593], [0.0694, 0.0793, 0.0930, 0.1250],
    [0.0640, 0.0673, 0.0845, 0.1013], [0.0588, 0.0629, 0.0681, 0.0893],
    [0.0595, 0.0571, 0.0646, 0.0758], [0.0501, 0.0551, 0.0639, 0.0686],
    [0.0487, 0.0488, 0.0530, 0.0626], [0.0466, 0.0466, 0.0510, 0.0595],
    [0.0478, 0.0421, 0.0435, 0.0488], [0.0482, 0.0414, 0.0430, 0.0566],
]).T  # fmt: skip


def test_recorded_widths():
    band = bands.loss_band(RECORDED)
    assert bands.mean_width(band) == pytest.approx(0.187, abs=5e-4)
    assert bands.width(band)[0] == pytest.approx(0.670, abs=5e-4)


def test_band_by_hand():
    band = bands.loss_band([[1, 5, np.nan], [2, 3, 7], [6, 4, np.inf]])
    np.testing.assert_array_equal(band.lower, [1, 3, np.nan])
    np.testing.assert_array_equal(band.upper, [6, 5, np.nan])
    np.testing.assert_array_equal(band.mean, [3, 4, 7])
    np.testing.assert_array_equal(band.runs, [3, 3, 1])


def test_band_contains_each_run():
    losses = np.random.default_rng(0).normal(size=(4, 50))
    band = bands.loss_band(losses)
    assert (band.lower <= losses).all() and (losses <= band.upper).all()
    assert (band.lower <= band.mean).all() and (band.mean <= band.upper).all()


def test_one_run_spans_no_band():
    with pytest.raises(ValueError, match="at least two runs, got 1"):
        bands.loss_band([[1.0, 2.0]])


def test_a_lost_run_leaves_no_width():
    band = bands.loss_band([[1, 1, 1, 1], [2, 4, 2, 2], [3, np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(bands.width(band), [2, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal([band.lower, band.upper], [[1, 1, 1, 1], [3, 4, 2, 2]])
    assert bands.mean_width(band) == 2
    np.testing.assert_array_equal(bands.width_per_epoch(band, 1), [2, np.nan, np.nan, np.nan])
    assert np.isnan(bands.mean_width(bands.loss_band(np.full((2, 3), np.nan))))


def test_average_over_seeds_cuts_to_the_shortest():
    first, second = bands.loss_band([[1, 2, 3], [3, 6, 3]]), bands.loss_band([[3, 2], [7, 4]])
    band = bands.average([first, second])
    np.testing.assert_array_equal(band.lower, [2, 2])
    np.testing.assert_array_equal(band.upper, [5, 5])
    np.testing.assert_array_equal(band.mean, [3.5, 3.5])


def test_epoch_means_of_whole_epochs():
    values = np.arange(14.0).reshape(2, 7)
    np.testing.assert_array_equal(bands.epoch_means(values, 3), [[1, 4], [8, 11]])
    values[0, 4] = np.nan
    np.testing.assert_array_equal(bands.epoch_means(values, 3), [[1, np.nan], [8, 11]])


def test_spikes_are_counted_after_the_step():
    band = bands.loss_band([[0, 9, 0, 9, 9], [0, 0, 0, 0, 1]])
    assert bands.spikes(band, after=1) == 2
    assert bands.spikes(band, after=0) == 3
    assert bands.spikes(band, after=0, above=9) == 0
    assert bands.spikes(band) == 0


def test_epochs_to_an_accuracy():
    accuracy, epoch = np.array([66.37, 71.97, 74.81, 70.55, 75.61]), np.arange(1, 6)
    assert bands.epochs_to(accuracy, epoch, 75) == 5
    assert bands.epochs_to(accuracy, epoch, 74.81) == 3, "just reached is reached"
    assert bands.epochs_to(accuracy, epoch, 50) == 1
    assert np.isnan(bands.epochs_to(accuracy, epoch, 80))


def test_outermost_reaches_as_far_as_any_seed():
    one = bands.loss_band(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 5.0]]))
    two = bands.loss_band(np.array([[0.5, 3.0], [1.5, 5.0]]))
    found = bands.outermost([one, two])
    np.testing.assert_array_equal(found.lower, [0.5, 2.0])
    np.testing.assert_array_equal(found.upper, [2.0, 5.0])
    np.testing.assert_array_equal(found.mean, bands.average([one, two]).mean)
