"""Averages of the weights along a run, against NumPy and against PyTorch's record."""

import numpy as np
import pytest
import tiny

from jaxcifar import engine, plan, resolution
from jaxcifar.config import Config, replace
from jaxcifar.errors import UserError

PLAIN = replace(tiny.BASE, {"data.augment": ()})
SWA = replace(PLAIN, {"train.epochs": 3, "average.name": "swa", "average.start": 0.34})
EMA = replace(PLAIN, {"average.name": "ema", "checkpoint.save_every": "1 step"})
N_TRAIN = 32  # two batches of 16, none short
DECAYS = (0.5, 0.9)
MEMBERS = ({"optim.lr": 0.01}, {"optim.lr": 0.03})


def data_of(made):
    return tiny.group_data(made, n_train=N_TRAIN)


@pytest.fixture(scope="module")
def swa():
    saved = []
    made = tiny.make_plan(*MEMBERS, base=SWA, n_train=N_TRAIN)
    return made, tiny.run(made, data_of(made), saved=saved), saved


@pytest.fixture(scope="module")
def ema():
    saved = []
    members = [row | {"average.decay": d} for row, d in zip(MEMBERS, DECAYS, strict=True)]
    made = tiny.make_plan(*members, base=EMA, n_train=N_TRAIN)
    return made, tiny.run(made, data_of(made), saved=saved), saved


def test_swa_is_the_plain_mean_of_the_weights_at_the_ends_of_late_epochs(swa):
    """int(0.34 * 3) = 1: epochs 1 and 2 of 0..2 join; statistics have no part in it."""
    made, ended, saved = swa
    assert made.events.average == (4, 6) and ended.state.average.n.tolist() == [2, 2]
    late = [tiny.leaves(snapshot.state.params) for snapshot in saved[1:]]
    means = tiny.leaves(ended.state.average.params)
    for found, first, second in zip(means, *late, strict=True):
        np.testing.assert_allclose(found, (first + second) / 2, rtol=1e-6, atol=1e-7)
    assert any((a != b).any() for a, b in zip(means, late[1], strict=True))


def test_ema_follows_every_step_from_the_first_weights_on(ema):
    made, ended, saved = ema
    assert ended.state.average.n.tolist() == [4, 4]
    first = tiny.leaves(tiny.host(engine.start(made)).state.params)
    for index, found in enumerate(tiny.leaves(ended.state.average.params)):
        for m, decay in enumerate(DECAYS):
            mean = first[index][m].astype(np.float64)
            for snapshot in saved:
                mean = decay * mean + (1 - decay) * tiny.leaves(snapshot.state.params)[index][m]
            np.testing.assert_allclose(found[m], mean, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["swa", "ema"])
def test_an_average_survives_any_cut(kind, request):
    made, ended, saved = request.getfixturevalue(kind)
    for snapshot in saved[1:3]:
        tiny.assert_same_bits(tiny.run(made, data_of(made), snapshot), ended)


@pytest.mark.slow
def test_averaging_leaves_training_alone(ema):
    """The same weights, bit for bit, as without an average."""
    made, ended, _ = ema
    made = tiny.make_plan(*MEMBERS, base=PLAIN, n_train=N_TRAIN)
    plain = tiny.run(made, data_of(made))
    tiny.assert_same_bits(plain.state.params, ended.state.params)
    tiny.assert_same_bits(plain.book.steps, ended.book.steps)


@pytest.mark.parametrize("overrides, words", [
    ({"average.decay": 0.9}, "average.decay=0.9 has no effect on 'none'"),
    ({"average.name": "swa", "average.decay": 0.9}, "has no effect on 'swa'"),
    ({"average.name": "ema", "average.start": 0.5}, "has no effect on 'ema'"),
    ({"average.name": "swa", "average.start": 1.0}, "average.start=1.0 is out of range"),
])  # fmt: skip
def test_options_without_effect_are_refused(overrides, words):
    with pytest.raises(UserError, match=words):
        resolution.resolve(replace(Config(), overrides))


def test_decay_is_a_number_and_start_is_not():
    rows = tiny.members({"average.decay": 0.5}, {"average.decay": 0.9}, base=EMA)
    assert len(plan.group(rows)) == 1
    rows = tiny.members({"average.start": 0.0}, {}, {"average.start": 0.3}, base=SWA)
    assert [[m.id for m in group] for group in plan.group(rows)] == [["m0", "m2"], ["m1"]]
