"""What training looks at before its steps, and that it trains as without."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxcifar import landscape, models, programs
from jaxcifar.config import Config, Stage, population, replace
from jaxcifar.core import signals
from jaxcifar.core.errors import UserError
from jaxcifar.landscape import step_activations, step_probes, step_shift, training_probes
from jaxcifar.landscape.moment import Moment
from jaxcifar.planning import dry_run, speed
from jaxcifar.records import activations, covariate_shift
from jaxcifar.records import step_probes as along_gradient
from jaxcifar.records.activations import LEVELS

RATES = ({"optim.lr": 0.01}, {"optim.lr": 0.03})
PLAIN = replace(tiny.BASE, {"optim.momentum": 0.0})
LAYERS = {"probe.shift_every": "2 steps", "probe.activations_every": "1 steps"}
PROBED = replace(PLAIN, {"probe.every": "2 steps", "probe.factors": (0.1, 1.0, 4.0)} | LAYERS)
N_TRAIN = 32
TABLES = {each.FILE: each for each in (along_gradient, covariate_shift, activations)}
NOTED = [probe.noted for probe in training_probes.PROBES]


@pytest.fixture(scope="module")
def runs():
    """The same training with and without probes, and the snapshots that the former saved."""
    return both(RATES, N_TRAIN)


def both(rows, n_train, **changes):
    saved = []
    made, plain = (tiny.make_plan(*rows, base=replace(base, changes), n_train=n_train)
                   for base in (PROBED, PLAIN))  # fmt: skip
    data = tiny.images_of(made, n_train)
    return made, tiny.run(made, data, saved=saved), tiny.run(plain, data), saved


def assert_same_training(probed, plain):
    blank = {noted: {} for noted in NOTED}
    tiny.assert_same_bits(probed._replace(book=probed.book._replace(**blank)), plain)


def moment(made, data, step=0):
    """Of a plan that has not begun."""
    phase, snapshot = made.phases[0], tiny.engine.start(made)
    program, epoch, row = phase.batch_after(step)
    rates = phase.rates(snapshot.book.plateau, np.array([step]))[:, 0].astype("f4")
    return Moment(
        program, snapshot.state, programs.place(phase.numbers, program), rates,
        programs.stream_of(phase, epoch), data, programs.span(step, step + 1, row),
    )  # fmt: skip


def batch_of(at, m):
    """The images and the loss of member m in the step that follows a moment, and its weights."""
    numbers, params, statistics = (
        jax.tree.map(lambda leaf: leaf[m], tree)
        for tree in (at.numbers, at.state.params, at.state.batch_stats)
    )
    step, _, row = at.span
    images, copy, _ = programs.images_at(at.stream, at.data, row, at.program.batch)
    parts = programs.bind(at.program._replace(lane="map"))
    given = (images, step, at.stream.augment_seed, copy)
    of_step, _ = programs.loss_of_step(statistics, numbers, *given, parts)
    pixels, _ = programs.images_of_step(numbers, *given, parts)
    variables = {"params": params, "batch_stats": statistics, "hyper": numbers.model}
    return pixels, lambda w, _: of_step(w)[0], variables, parts.model


def test_training_is_the_same_to_the_bit(runs):
    _, probed, plain, _ = runs
    assert_same_training(probed, plain)


@pytest.mark.slow
def test_so_it_is_where_batches_are_short_and_stages_change_them():
    """Epochs of 16, 16 and 8 images under AdamW, then of 20 under SGD; a probe before each step."""
    stage = Stage(0.5, {"optim.name": "sgd", "train.batch_size": 20})
    changes = {"optim.name": "adamw", "optim.momentum": None, "stages": (stage,)}
    rows = tuple(row | {"optim.clip": 1.0, "model.dropout_rate": 0.3} for row in RATES)
    made, probed, plain, _ = both(rows, 40, **changes)
    assert_same_training(probed, plain)
    assert [made.batch_sizes()[step] for step in made.events.probe] == [16, 8, 20]
    steps = probed.book.steps["loss"][:, list(made.events.probe)]
    np.testing.assert_allclose(probed.book.probes["loss"], steps, rtol=2e-6)
    for probe in training_probes.PROBES:
        for values in getattr(probed.book, probe.noted).values():
            assert np.isfinite(values).all()


def test_probes_are_of_the_very_step_that_follows(runs):
    """Of plain SGD: the loss it records, and the gradient that its weights move by."""
    made, probed, _, _ = runs
    assert made.events.probe == (0, 2)
    seen = probed.book.probes
    for name, shape in {"loss": (2, 2), "gradient_norm": (2, 2), "losses": (2, 2, 3)}.items():
        assert seen[name].shape == shape and np.isfinite(seen[name]).all()
    steps = probed.book.steps["loss"][:, [0, 2]]
    np.testing.assert_allclose(seen["loss"], steps, rtol=2e-6)
    stops, data = [], tiny.images_of(made, N_TRAIN)
    for wanted in (1, 2):  # before the first step, before the third
        calls = iter(range(1, 100))
        with pytest.raises(signals.Interrupted) as stopped:
            tiny.run(made._replace(events=made.events._replace(keep=(1,))), data,
                     stop=lambda calls=calls, wanted=wanted: next(calls) == wanted)  # fmt: skip
        stops.append(tiny.host(stopped.value.snapshot))
    assert [int(stop.cursor.step) for stop in stops] == [0, 1]
    before, after = (jax.tree.leaves(stop.state.params) for stop in stops)
    for m, rate in enumerate((0.01, 0.03)):
        moved = [np.ravel(a[m] - b[m]).astype("f8") for a, b in zip(before, after, strict=True)]
        norm = np.linalg.norm(np.concatenate(moved)) / rate
        assert seen["gradient_norm"][m, 0] == pytest.approx(norm, rel=1e-3)


def test_stopped_anywhere_and_continued_the_records_are_the_same(runs):
    made, probed, _, _ = runs
    data = tiny.images_of(made, N_TRAIN)
    for wanted in range(1, 5):
        calls = iter(range(1, 100))
        with pytest.raises(signals.Interrupted) as stopped:
            tiny.run(made, data, stop=lambda calls=calls, wanted=wanted: next(calls) == wanted)
        tiny.assert_same_bits(tiny.run(made, data, tiny.host(stopped.value.snapshot)), probed)


def test_the_tables_tell_of_themselves_and_end_with_the_steps_taken(runs):
    made, probed, _, saved = runs
    whole = dict(training_probes.tables(made, probed.book, made.n_step))
    part = dict(training_probes.tables(made, saved[0].book, int(saved[0].cursor.step)))
    assert set(whole) == set(part) == set(TABLES)
    for file in (along_gradient.FILE, covariate_shift.FILE):
        assert part[file]["step"].tolist() == [0]
    assert part[activations.FILE]["step"].tolist() == [0, 1]
    for file, table in whole.items():
        assert set(table) == {"members", "units", *TABLES[file].UNITS}
        assert table["members"].tolist() == ["m0", "m1"]
        for row in range(2):
            found = TABLES[file].of_member(table, row)
            assert set(found.units) == set(found._fields) - {"about"}
            assert all(np.isfinite(getattr(found, name)).all() for name in TABLES[file].SEEN)
        with pytest.raises(ValueError, match="is \\("):
            TABLES[file].of_member(table | {"step": np.arange(9)}, 0)


def test_the_table_of_gradients_knows_its_sizes(runs):
    made, _, _, saved = runs
    table = step_probes.table(made, saved[0].book, int(saved[0].cursor.step))
    assert table["step"].tolist() == [0] and table["members"].tolist() == ["m0", "m1"]
    np.testing.assert_allclose(table["sizes"], [0.01, 0.1, 0.4], rtol=1e-12)
    beta = table["distance"] / (table["sizes"] * table["gradient_norm"][..., None])
    np.testing.assert_array_equal(table["smoothness"], beta.max(-1))


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"lane": "map"}, {"shared_batch": False}])
def test_lanes_agree(runs, change):
    made, probed, _, _ = runs
    other = tiny.make_plan(*RATES, base=PROBED, n_train=N_TRAIN, **change)
    other = tiny.run(other, tiny.images_of(other, N_TRAIN))
    for noted in NOTED:
        for name, values in getattr(probed.book, noted).items():
            found = getattr(other.book, noted)[name][:, 0]
            np.testing.assert_allclose(found, values[:, 0], rtol=2e-3, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_shift_is_by_the_step_s_own_update(optimizer):
    """Of plain SGD it is that of `landscape.covariate_shift` by the learning rate."""
    changes = {"optim.name": optimizer, "optim.momentum": 0.0 if optimizer == "sgd" else None}
    made = tiny.make_plan(*RATES, base=replace(PROBED, changes), n_train=N_TRAIN)
    at = moment(made, tiny.images_of(made, N_TRAIN).train, step=1)
    seen, layers = step_shift.measure(made, at), step_shift.layers(at.program)
    assert seen["distance"].shape == (2, len(layers)) and (seen["distance"][:, 0] == 0).all()
    for m, rate in enumerate((0.01, 0.03)):
        _, loss, variables, _ = batch_of(at, m)
        params = jax.tree.map(jnp.asarray, variables["params"])
        if optimizer == "sgd":
            mine = landscape.of_loss(loss, params, np.zeros((1, 1)))
            wanted = landscape.covariate_shift(mine, layers=layers, size=rate)
            for name in covariate_shift.SEEN:
                np.testing.assert_allclose(
                    seen[name][m], getattr(wanted, name)[0], rtol=2e-3, atol=2e-5
                )
            continue
        grad = jax.jit(lambda w, loss=loss: jax.grad(loss)(w, ()))
        first = grad(params)  # Adam's first step: the sign of the gradient, nearly
        moved = {
            name: jax.tree.map(lambda w, g, r=rate: w - r * g / (jnp.abs(g) + 1e-8), *pair)
            if name in layers[:2] else params[name]
            for name, pair in ((name, (params[name], first[name])) for name in params)
        }  # fmt: skip
        change = jax.tree.map(jnp.subtract, grad(moved)[layers[2]], first[layers[2]])
        norm = np.linalg.norm(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(change)]))
        assert seen["distance"][m, 2] == pytest.approx(norm, rel=1e-3)


def test_activations_are_those_of_the_very_batch(runs):
    made, probed, _, _ = runs
    at = moment(made, tiny.images_of(made, N_TRAIN).train)
    table = dict(training_probes.tables(made, probed.book, made.n_step))[activations.FILE]
    for m in range(2):
        found = activations.of_member(table, m)
        pixels, _, variables, model = batch_of(at, m)
        outputs = models.outputs(model, variables, pixels, by_batch=True)
        assert found.layers == tuple(outputs)
        for place, y in enumerate(map(np.asarray, outputs.values())):
            assert found.mean[0, place] == pytest.approx(y.mean(), abs=1e-5)
            assert found.std[0, place] == pytest.approx(y.std(), rel=1e-5)
            assert found.quantiles[0, place, [0, -1]] == pytest.approx([y.min(), y.max()], rel=1e-5)
        normed = [place for place, name in enumerate(found.layers) if name.startswith("bn")]
        np.testing.assert_allclose(found.mean[0, normed], 0, atol=1e-5)
        np.testing.assert_allclose(found.std[0, normed], 1, rtol=1e-2)


@pytest.mark.parametrize("draw", [
    lambda rng: rng.normal(size=(8, 50, 3)), lambda rng: rng.standard_cauchy(size=(4, 1000)),
    lambda rng: np.maximum(rng.normal(size=(16, 7)), 0), lambda rng: np.full((3, 5), -2.5),
    lambda rng: rng.uniform(size=(1, 1)), lambda rng: np.array([[0.0, 1.0], [2.0, 3.0]]),
    lambda rng: 1e6 + rng.normal(size=(64, 64)),
])  # fmt: skip
def test_a_distribution_agrees_with_numpy(draw):
    y = draw(np.random.default_rng(0)).astype("f4")
    found = step_activations.distribution(jnp.asarray(y))
    width = (y.max() - y.min()) / step_activations.N_BIN
    np.testing.assert_allclose(found.mean, y.mean(dtype="f8"), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.std, y.std(dtype="f8"), rtol=1e-3, atol=1e-6)
    wanted = np.quantile(y, LEVELS, method="lower")
    np.testing.assert_allclose(found.quantiles, wanted, atol=1.001 * width + 1e-6 * abs(y).max())
    assert (np.diff(found.quantiles) >= 0).all()
    assert found.quantiles[0] == y.min() and found.quantiles[-1] == y.max()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_distribution_of_what_is_not_finite_is_a_hole(bad):
    found = step_activations.distribution(jnp.asarray([[1.0, 2.0], [bad, 3.0]]))
    assert all(np.isnan(leaf).all() for leaf in found)


def test_a_lost_member_has_no_probes_and_disturbs_nobody(runs):
    _, probed, _, _ = runs
    made = tiny.make_plan(RATES[0], {"optim.lr": 1e30}, base=PROBED, n_train=N_TRAIN)
    lost = tiny.run(made, tiny.images_of(made, N_TRAIN)).book
    for noted in NOTED:
        for name, values in getattr(probed.book, noted).items():
            np.testing.assert_array_equal(getattr(lost, noted)[name][0], values[0])
            assert np.isnan(getattr(lost, noted)[name][1, -1]).all()


@pytest.mark.parametrize("changes, words", [
    ({"probe.shift_every": "0 steps"}, "is no span of training"),
    ({"probe.activations_every": "1.5 steps"}, "is no span of training"),
    ({"probe.shift_every": 50}, "probe.shift_every=50 is of the wrong type"),
    ({"probe.shift_every": "1", "probe.lr": 0.2}, "probe.lr=0.2 has no effect without probe.every"),
])  # fmt: skip
def test_refused_settings(changes, words):
    with pytest.raises(UserError, match=words) as error:
        replace(Config(), changes)
    assert len(str(error.value).splitlines()) <= 3


def test_a_dry_run_counts_what_they_cost():
    """A gradient a layer for each shift, a forward pass for each distribution."""
    probed, plain = (tiny.make_plan(base=base) for base in (replace(PLAIN, LAYERS), PLAIN))
    assert probed.batch_sizes()[list(probed.events.shift)].tolist() == [16, 8, 16]
    layers = len(step_shift.layers(probed.phases[0].program))
    done, more = (speed.work(made, 0) for made in (plain, probed))
    assert more / done == pytest.approx((80 + layers * (16 + 8 + 16) + 80 / 3) / 80)
    kinds = [kind for kind, _ in dry_run.programs_of(probed)]
    assert kinds.count("shift") == kinds.count("activations") == 2
    said = dry_run._compiles(dry_run.programs_of(probed))
    assert "2 at shifts of gradients" in said and "2 at activations" in said


def test_runs_that_do_not_ask_are_who_they_were():
    """Members of runs from before there were such probes are still the same."""
    for base in (PLAIN, replace(PLAIN, {"probe.every": "2 steps"})):
        tree = population.content(base)
        assert "shift_every" not in tree.get("probe", {})
    assert population.content(PROBED)["probe"]["shift_every"] == "2 steps"
