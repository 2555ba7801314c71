"""Averages of the weights along a run and their statistics, against NumPy and PyTorch's record."""

import cli_runs
import jax
import jax.numpy as jnp
import numpy as np
import places
import pytest
import tiny
from compiles import Compiles

from jaxcifar import programs
from jaxcifar.config import Config, replace
from jaxcifar.core import signals
from jaxcifar.core.errors import UserError
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.core.types import Images, Stream
from jaxcifar.evaluation import batch_norm
from jaxcifar.optim import averaging
from jaxcifar.planning import plan, resolve
from jaxcifar.training import engine

GOLDEN = np.load(places.GOLDEN / "averaging.npz")
PLAIN = replace(tiny.BASE, {"data.augment": ()})
SWA = replace(PLAIN, {"train.epochs": 3, "average.name": "swa", "average.start": 0.34})
EMA = replace(PLAIN, {"average.name": "ema", "checkpoint.save_every": "1 step"})
N_TRAIN = 32  # two batches of 16, none short
DECAYS = (0.5, 0.9)
MEMBERS = ({"optim.lr": 0.01}, {"optim.lr": 0.03})


def data_of(made):
    return tiny.images_of(made, n_train=N_TRAIN)


@pytest.fixture(scope="module")
def swa():
    saved = []
    made = tiny.make_plan(*MEMBERS, base=SWA, n_train=N_TRAIN)
    with Compiles() as compiles:
        ended = tiny.run(made, data_of(made), saved=saved)
    assert compiles.of("segment") == 1, "an extended average lies where a fresh one does"
    return made, ended, saved


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


@pytest.mark.reliability("T6")
@pytest.mark.parametrize("kind", ["swa", "ema"])
def test_an_average_survives_any_cut(kind, request):
    made, ended, saved = request.getfixturevalue(kind)
    for snapshot in saved[1:3]:
        tiny.assert_same_bits(tiny.run(made, data_of(made), snapshot), ended)


ALONE = """
import tiny
from optim.test_averaging import EMA, MEMBERS, N_TRAIN, PLAIN, data_of
made = [tiny.make_plan(*MEMBERS, base=base, n_train=N_TRAIN) for base in (PLAIN, EMA)]
plain, averaged = (tiny.run(each, data_of(each)) for each in made)
assert averaged.state.average.params
tiny.assert_same_bits(plain.state.params, averaged.state.params)
tiny.assert_same_bits(plain.book.steps, averaged.book.steps)
"""


@pytest.mark.slow
def test_averaging_leaves_training_alone():
    """The same weights, bit for bit, as without an average: two programs, as users compile them."""
    cli_runs.python(ALONE)


@pytest.mark.slow
def test_bfloat16_is_the_computation_s_alone():
    """Weights, statistics, optimizer state, averages and losses are float32 from end to end."""
    base = replace(EMA, {"dtype": "bfloat16", "optim.name": "adamw", "optim.momentum": None})
    made = tiny.make_plan(*MEMBERS, base=base, n_train=N_TRAIN)
    ended = tiny.run(made, data_of(made))
    state, book = ended.state, ended.book
    for leaf in tiny.leaves((state.params, state.batch_stats, state.average.params, ended.best)):
        assert leaf.dtype == np.float32
    assert {leaf.dtype.name for leaf in tiny.leaves(state.opt_state)} == {"float32", "int32"}
    assert book.steps["loss"].dtype == np.float32 and np.isfinite(book.steps["loss"]).all()
    wide = tiny.run(tiny.make_plan(*MEMBERS, base=replace(base, {"dtype": "float32"}),
                                   n_train=N_TRAIN), data_of(made))  # fmt: skip
    assert (wide.book.steps["loss"] != book.steps["loss"]).all(), "it computes in bfloat16"
    np.testing.assert_allclose(book.steps["loss"][:, 0], wide.book.steps["loss"][:, 0], rtol=0.02)
    assert all(leaf.dtype == np.float32 for leaf in tiny.leaves(reestimated(made, ended)))


@pytest.mark.parametrize("overrides, words", [
    ({"average.decay": 0.9}, "average.decay=0.9 has no effect on 'none'"),
    ({"average.name": "swa", "average.decay": 0.9}, "has no effect on 'swa'"),
    ({"average.name": "ema", "average.start": 0.5}, "has no effect on 'ema'"),
    ({"average.name": "swa", "average.start": 1.0}, "average.start=1.0 is out of range"),
])  # fmt: skip
def test_options_without_effect_are_refused(overrides, words):
    with pytest.raises(UserError, match=words):
        resolve.resolve(replace(Config(), overrides))


def test_decay_is_a_number_and_start_is_not():
    rows = tiny.members({"average.decay": 0.5}, {"average.decay": 0.9}, base=EMA)
    assert len(plan.group(rows)) == 1
    rows = tiny.members({"average.start": 0.0}, {}, {"average.start": 0.3}, base=SWA)
    assert [[m.id for m in group] for group in plan.group(rows)] == [["m0", "m2"], ["m1"]]


def recorded(prefix):
    """The recorded arrays below a prefix, as a tree of layers."""
    tree = {}
    for name in GOLDEN.files:
        if name.startswith(prefix):
            layer, leaf = name[len(prefix) :].split("/")
            tree.setdefault(layer, {})[leaf] = GOLDEN[name]
    return tree


def test_averages_equal_pytorch_s():
    """AveragedModel, plain and with its exponential rule, after each of five sets of weights."""
    with jax.enable_x64(True):
        extend, decay = jax.jit(averaging.extend), jax.jit(averaging.decay)
        sets = [recorded(f"{step}/step/") for step in range(5)]
        swa = ema = averaging.Average(sets[0], jnp.int32(0))
        for step, params in enumerate(sets):
            swa = extend(swa, params)
            ema = decay(ema, params, GOLDEN["decay"])
            for found, kind in ((swa, "swa"), (ema, "ema")):
                expected = tiny.leaves(recorded(f"{step}/{kind}/"))
                for a, b in zip(tiny.leaves(found.params), expected, strict=True):
                    assert a.dtype == np.float64
                    np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)


def test_statistics_equal_pytorch_s():
    """update_bn over a batch of 8 and one of 4, each weighing one half."""
    base = replace(PLAIN, {"model.filters": (2, 3, 4), "train.batch_size": 8,
                           "data.normalisation": "half"})  # fmt: skip
    with jax.enable_x64(True):
        made = tiny.make_plan(base=base, dtype="float64", n_train=12)
        program = made.phases[0].program
        state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype),
                             engine.blank(made, 0).state)  # fmt: skip
        member = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], recorded("4/swa/"))
        params = programs.place({**state.params, **member}, program)
        running = jax.tree.map(jnp.zeros_like, state.batch_stats)
        images = Images(GOLDEN["images"], np.zeros(12, np.int32))
        stream = Stream(jnp.arange(12, dtype=jnp.int32), jnp.int32(0), {})
        numbers = made.phases[0].numbers
        for first, batch in enumerate(GOLDEN["batches"].tolist()):
            run = batch_norm.make_pass(program._replace(batch=batch))
            span = programs.span(first, first + 1, 8 * first)
            running = run(running, params, numbers, stream, images, span)
    expected = recorded("statistics/")
    assert running.keys() == expected.keys()
    for layer, statistics in expected.items():
        for name, values in statistics.items():
            np.testing.assert_allclose(running[layer][name][0], values, rtol=0, atol=1e-10)


def reestimated(made, ended, stop=lambda: False):
    state = tiny.placed(made, ended).state
    train = data_of(made).train
    params, batch_stats = state.average.params, state.batch_stats
    return batch_norm.reestimate(made, train, params, batch_stats, stop)


def test_statistics_are_the_same_however_they_are_cut_and_can_be_stopped(swa):
    made, ended, _ = swa
    found = reestimated(made, ended)
    tiny.assert_same_bits(found["params"], ended.state.average.params)
    phase = made.phases[0]
    assert phase.program.segment == 2
    cut = phase._replace(program=phase.program._replace(segment=1))
    tiny.assert_same_bits(reestimated(made._replace(phases=(cut,)), ended), found)
    for a, b in zip(tiny.leaves(found["batch_stats"]), tiny.leaves(ended.state.batch_stats),
                    strict=True):  # fmt: skip
        assert (a != b).any()
    calls = iter((False, True))
    with pytest.raises(signals.Interrupted):
        reestimated(made._replace(phases=(cut,)), ended, lambda: next(calls))


def test_the_pass_has_draws_of_its_own(monkeypatch):
    """By seed and batch, for this purpose: neither those of training nor those of scores."""
    monkeypatch.setattr(programs, "images_at", lambda *_: (None, None, None))
    monkeypatch.setattr(programs, "batch_statistics", lambda *given, **_: {
        "key": (jax.random.key_data(given[4]) >> 8).astype("float32"),  # exact
    })  # fmt: skip
    numbers = tiny.make_plan().phases[0].numbers
    stream = Stream(np.arange(4), jnp.int32(3), {})
    for batch in (0, 5):
        found = batch_norm._member_pass(
            {"key": jnp.zeros(2)}, {}, numbers, stream, None, (batch, batch + 1, 0),
            parts=None, batch=2,
        )  # fmt: skip
        key = jax.random.key_data(key_at(3, Purpose.STATISTICS, batch)) >> 8
        np.testing.assert_allclose(found["key"], key / (batch + 1), rtol=1e-6)


def test_a_network_without_batchnorm_has_no_statistics():
    made = tiny.make_plan(base=PLAIN)
    params = {"conv": np.ones(3)}
    found = batch_norm.reestimate(made, None, params, {}, lambda: True)
    assert found == {"params": params, "batch_stats": {}}


def test_defaults_are_part_of_every_result():
    assert {name: dict(row.options) for name, row in averaging.AVERAGES.items()} == {
        "none": {}, "swa": {"start": 0.75}, "ema": {"decay": 0.999},
    }  # fmt: skip
