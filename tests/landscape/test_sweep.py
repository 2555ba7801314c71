"""The one-pass step over learning rates: one executable, and each row is the run at its rate."""

import jax
import numpy as np
import pytest
import tiny
from compiles import Compiles

from jaxcifar import landscape
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Images
from jaxcifar.landscape import sweep

RATES = np.array([0.001, 0.01, 0.1], np.float32)


def program(rates, **more):
    return landscape.sweep_program(
        "cnn", rates, batch=8, optimizer="sgd", filters=(4, 4, 4), **more
    )


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
    ({"lane": "vmpa"}, "unknown lane 'vmpa'; did you mean 'vmap'"),
])  # fmt: skip
def test_unknown_names_are_refused(names, said):
    with pytest.raises(UserError, match=said):
        landscape.sweep_program("cnn", 2, **names)


def test_it_is_one_executable(swept):
    *_, compiled, again = swept
    assert again.names == [], "other rates and the next step compile nothing"
    assert compiled.of("steps") == 1, "states, losses and band come from one compiled program"


def test_a_step_s_draws_follow_from_its_seed_and_its_number(batch, monkeypatch):
    seen = []

    def compiled(program):
        return lambda *given: seen.append(given) or (None, np.zeros((3, 1)), [np.zeros(1)] * 3)

    monkeypatch.setattr(sweep, "_compiled", compiled)
    made = program(3)
    states = landscape.default_numbers(made)  # any tree of three rows
    landscape.sweep_step(states, batch, RATES, program=made, step=5, seed=8)
    ((*_, stream, _, span),) = seen
    assert stream.augment_seed == 8 and span.tolist() == [5, 6, 0]


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


def test_it_is_vmapped_unless_asked_otherwise():
    assert program(3).lane == "vmap" and program(3, lane="map").lane == "map"
    assert program(3, lane=None).lane == "map", "by the table, on a CPU"


def many(batch, count):
    """(S, B, ...) batches, each other images than the one before."""
    return Images(*(np.stack([np.roll(part, at, 0) for at in range(count)]) for part in batch))


@pytest.mark.parametrize("lane", ["vmap", pytest.param("map", marks=pytest.mark.slow)])
def test_many_steps_in_one_call_are_the_steps_one_by_one(batch, lane):
    made, three = program(3, lane=lane), many(batch, 3)
    states = landscape.init_states(made)
    states, losses, bands = landscape.sweep_steps(states, three, RATES, program=made)
    single, found = landscape.init_states(made), []
    for at in range(3):
        one = Images(*(part[at] for part in three))
        single, loss, band = landscape.sweep_step(single, one, RATES, program=made, step=at)
        found.append([loss, band])
    np.testing.assert_allclose(losses, np.stack([loss for loss, _ in found], 1), rtol=1e-6)
    np.testing.assert_allclose(bands.upper, [band.upper for _, band in found], rtol=1e-6)
    for one, two in zip(*map(jax.tree.leaves, (states.params, single.params)), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)


def test_rates_may_change_from_step_to_step(batch):
    made, two = program(3), many(batch, 2)
    rates = np.stack([RATES, np.zeros(3)], 1)
    states, *_ = landscape.sweep_steps(landscape.init_states(made), two, rates, program=made)
    alone, *_ = landscape.sweep_step(landscape.init_states(made), batch, RATES, program=made)
    for one, other in zip(*map(jax.tree.leaves, (states.params, alone.params)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


REFUSED = {
    "more rates": ({"lrs": np.ones(6)}, "6 learning rates for a program of 3"),
    "fewer rates": ({"lrs": np.ones(2)}, "2 learning rates for a program of 3"),
    "a single rate": ({"lrs": np.float32(0.1)}, "single learning rates for a program"),
    "another batch": ({"images": np.zeros((4, 32, 32, 3), np.uint8)}, r"images are uint8 \(4, 32"),
    "floats": ({"images": np.zeros((8, 32, 32, 3), np.float32)}, "images are float32"),
    "channels first": ({"images": np.zeros((8, 3, 32, 32), np.uint8)}, "images are uint8"),
    "one image": ({"images": np.zeros((32, 32, 3), np.uint8)}, "images are uint8"),
    "fewer labels": ({"labels": np.zeros(7, np.int32)}, r"labels are int32 \(7,\)"),
    "float labels": ({"labels": np.zeros(8, np.float32)}, "labels are float32"),
    "one-hot labels": ({"labels": np.zeros((8, 10), np.int32)}, "labels are int32"),
    "other states": ({"states": 4}, "states have 4 rows for a program of 3"),
    "other numbers": ({"numbers": 2}, "numbers have 2 rows for a program of 3"),
}  # fmt: skip


@pytest.mark.parametrize(("given", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_the_program_s_is_refused(batch, given, said):
    made = program(3)
    states = landscape.init_states(program(given.get("states", 3)))
    numbers = landscape.default_numbers(program(given["numbers"])) if "numbers" in given else None
    one = Images(given.get("images", batch.images), given.get("labels", batch.labels))
    with pytest.raises(UserError, match=said):
        landscape.sweep_step(states, one, given.get("lrs", RATES), program=made, numbers=numbers)
