"""The one-pass step over learning rates: one executable, and each row is the run at its rate."""

import jax
import numpy as np
import pytest
import tiny
from compiles import Compiles

from jaxcifar import landscape
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Images

RATES = np.array([0.001, 0.01, 0.1], np.float32)


def program(rates):
    return landscape.sweep_program("cnn", rates, batch=8, optimizer="sgd", filters=(4, 4, 4))


@pytest.fixture(scope="module")
def batch():
    return Images(*map(jax.numpy.asarray, tiny.images(8)))


@pytest.fixture(scope="module")
def swept(batch):
    """Two steps at three rates, and what was compiled for the second."""
    made = program(3)
    states = landscape.init_states(made, seed=1)
    with Compiles() as compiled:
        states, first, _ = landscape.sweep_step(states, batch, RATES, program=made)
    with Compiles() as again:
        states, losses, band = landscape.sweep_step(states, batch, 2 * RATES, program=made, step=1)
    return first, losses, band, compiled, again


@pytest.mark.parametrize("names, said", [
    ({"optimizer": "adm"}, "unknown optimizer 'adm'; did you mean 'adam'"),
    ({"loss": "focl"}, "unknown loss 'focl'; did you mean 'focal'"),
])  # fmt: skip
def test_unknown_names_are_refused(names, said):
    with pytest.raises(UserError, match=said):
        landscape.sweep_program("cnn", 2, **names)


def test_it_is_one_executable(swept):
    *_, compiled, again = swept
    assert again.names == [], "other rates and the next step compile nothing"
    assert compiled.of("step") == 1, "states, losses and band come from one compiled program"


def test_all_rates_start_at_the_same_point_and_part(swept):
    first, losses, *_ = swept
    assert len(set(np.asarray(first).tolist())) == 1
    assert len(set(np.asarray(losses).tolist())) == 3


def test_each_row_is_the_single_run_at_its_rate(batch, swept):
    _, losses, *_ = swept
    one = program(1)
    for row, rate in enumerate(RATES):
        states = landscape.init_states(one, seed=1)
        for step, factor in enumerate((1, 2)):
            states, loss, _ = landscape.sweep_step(
                states, batch, factor * rate[None], program=one, step=step
            )
        np.testing.assert_allclose(loss[0], losses[row], rtol=1e-4)


def test_the_band_holds_every_run(swept):
    _, losses, band, *_ = swept
    losses = np.asarray(losses)
    assert (band.lower, band.upper) == (losses.min(), losses.max())
    np.testing.assert_allclose(band.mean, losses.mean(), rtol=1e-6)


def test_a_diverged_run_is_left_out_of_the_band():
    band = landscape.band(np.array([[1.0, np.nan], [3.0, np.inf], [np.nan, np.nan]]))
    assert (band.lower[0], band.upper[0], band.mean[0]) == (1, 3, 2)
    assert np.isnan([band.lower[1], band.upper[1], band.mean[1]]).all()
