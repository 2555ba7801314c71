"""The engine's promises: any cut gives the same bits, and a member is alone with its numbers."""

import io

import cli_runs
import jax
import numpy as np
import pytest
import tiny
from compiles import Compiles

from jaxcifar import models, programs
from jaxcifar.checkpoints import snapshots
from jaxcifar.config import replace
from jaxcifar.core import signals
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.evaluation import scoring
from jaxcifar.planning import plan
from jaxcifar.programs import order
from jaxcifar.training import engine
from jaxcifar.training.progress import Progress

RATES = ({"optim.lr": 0.01}, {"optim.lr": 0.03})
WITH_HISTOGRAMS = replace(tiny.BASE, {"eval.histograms": True})


@pytest.fixture(scope="module")
def whole():
    """A run of two members, uninterrupted, and the snapshots it saved."""
    saved = []
    made = tiny.make_plan(*RATES, base=WITH_HISTOGRAMS)
    return made, tiny.run(made, saved=saved), saved


def test_it_learns(whole):
    made, snapshot, _ = whole
    long = tiny.run(tiny.make_plan(*RATES, base=replace(tiny.BASE, {"train.epochs": 12})))
    loss = long.book.steps["loss"]
    assert (loss[:, -3:].mean(1) < 0.8 * loss[:, :3].mean(1)).all()
    np.testing.assert_array_equal(loss[:, : made.n_step], snapshot.book.steps["loss"])


CUTS = """
import tiny
from training.test_engine import RATES, WITH_HISTOGRAMS
made, cut = (tiny.make_plan(*RATES, base=WITH_HISTOGRAMS, **more) for more in ({}, {"segment": 1}))
assert made.phases[0].program.segment == 3
tiny.assert_same_bits(tiny.run(cut), tiny.run(made))
"""


@pytest.mark.reliability("T6")
@pytest.mark.slow
def test_any_cut_gives_the_same_bits():
    """Segments of one step against as many as fit (the records' width differs with it).

    Two programs: as users compile them, which the tests' shorter way to machine code is not.
    """
    cli_runs.python(CUTS)


def test_resuming_a_saved_snapshot_gives_the_same_bits(whole):
    made, snapshot, saved = whole
    assert [int(s.cursor.step) for s in saved] == [3, 6]
    tiny.assert_same_bits(tiny.run(made, snapshot=saved[0]), snapshot)


@pytest.mark.reliability("T6")
def test_a_stop_in_a_segment_or_in_scoring_loses_nothing(whole):
    """Stopped at every cut and within every evaluation in turn, then continued."""
    made, snapshot, _ = whole
    data = tiny.images_of(made)
    for wanted in range(1, 7):
        calls = iter(range(1, 100))
        with pytest.raises(signals.Interrupted) as stopped:
            tiny.run(made, data, stop=lambda calls=calls, wanted=wanted: next(calls) == wanted)
        tiny.assert_same_bits(tiny.run(made, data, tiny.host(stopped.value.snapshot)), snapshot)


def test_records_say_what_happened(whole):
    made, snapshot, _ = whole
    book = snapshot.book
    sizes = made.batch_sizes()
    assert sizes.tolist() == [16, 16, 8] * 2
    np.testing.assert_allclose(book.rows["train_loss"][:, 1], book.steps["loss"][:, 3:].mean(1))
    np.testing.assert_allclose(
        book.rows["train_accuracy"][:, 0], book.steps["correct"][:, :3].sum(1) / 40
    )
    assert book.rows["epoch"].tolist() == [[1, 2], [1, 2]]
    np.testing.assert_array_equal(book.steps["lr"], np.repeat([[0.01], [0.03]], 6, axis=1))


def test_histograms_are_of_the_weights_at_each_evaluation(whole):
    """Row 0 before the first step, then one an epoch, by mean and counts of what was saved."""
    made, _, saved = whole
    rows = saved[-1].book.histograms
    for row, state in enumerate([engine.start(made).state, *(s.state for s in saved)]):
        for leaf, kernel in enumerate(models.kernels(state.params).values()):
            weights = np.asarray(kernel, np.float64).reshape(2, -1)
            np.testing.assert_allclose(rows["mean"][:, row, leaf], weights.mean(1), atol=1e-6)
            np.testing.assert_array_equal(rows["low"][:, row, leaf], weights.min(1).astype("f4"))
            assert (rows["counts"][:, row, leaf].sum(1) == weights.shape[1]).all()
    assert np.isnan(saved[0].book.histograms["mean"][:, 2]).all(), "not before it is there"


def test_epochs_see_every_image_once_in_their_own_order():
    made = tiny.make_plan()
    orders = [np.asarray(programs.stream_of(made.phases[0], epoch).order) for epoch in range(3)]
    for visits in orders:
        assert sorted(visits) == list(range(tiny.N_TRAIN))
    assert not (orders[0] == orders[1]).all() and not (orders[1] == orders[2]).all()


def test_fingerprints_tell_batches_apart(whole):
    _, snapshot, _ = whole
    seen = snapshot.book.steps["examples"]
    assert (seen[0] == seen[1]).all(), "members of one seed see the same images"
    assert len(set(seen[0].tolist())) == seen.shape[1], "no batch comes twice"


def test_the_check_notices_an_order_key_without_the_epoch(whole, monkeypatch):
    """Were the epoch dropped from the key, every epoch would repeat the first one's batches."""
    made, right, _ = whole
    cli_runs.assert_epochs_have_their_own_order(right.book.steps, made.phases[0].steps_per_epoch)

    def dropped(seed, purpose, at):
        return key_at(seed, purpose, 0 if purpose == Purpose.ORDER else at)

    programs.make_order.cache_clear()
    monkeypatch.setattr(order, "key_at", dropped)
    try:
        wrong = tiny.run(made)
    finally:
        programs.make_order.cache_clear()
    with pytest.raises(AssertionError, match="repeats another's order"):
        cli_runs.assert_epochs_have_their_own_order(
            wrong.book.steps, made.phases[0].steps_per_epoch
        )


def test_a_trained_population_comes_back_and_continues(whole, tmp_path):
    made, ended, saved = whole
    snapshots.save(tmp_path, saved[0])
    found = snapshots.find(tmp_path)
    back = snapshots.restore(found, engine.blank(made, found.cursor.phase))
    tiny.assert_same_bits(back, saved[0], seconds=True)
    tiny.assert_same_bits(tiny.run(made, snapshot=back), ended)


def test_plain_lines_tell_the_progress(whole):
    """Off a terminal: one line an evaluation, with losses, images/s and the time left."""
    made, stream = whole[0], io.StringIO()
    progress = Progress(made, 0, stream)
    hooks = tiny.hooks()._replace(progress=progress)
    engine.run_group(made, tiny.images_of(made), engine.start(made), hooks)
    progress.close()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2 and "epoch 2/2 step 6/6" in lines[1]
    assert "images/s" in lines[0] and "left" in lines[0] and "val" in lines[0]


def test_a_model_or_optimizer_is_structure():
    one, two = tiny.members({}, {"optim.name": "sign_sgd"})
    assert len(plan.group([one, two])) == 2


@pytest.mark.reliability("T8")
def test_a_diverged_member_is_frozen_and_disturbs_nobody(whole):
    """A rate that blows up at once: its row stops, its neighbour's bits stay."""
    made, snapshot, _ = whole
    bad = tiny.run(tiny.make_plan(RATES[0], {"optim.lr": 1e30}))
    assert bad.state.alive.tolist() == [True, False]
    assert 0 < bad.state.bad_step[1] < made.n_step and bad.state.bad_step[0] == -1
    assert np.isfinite(jax.tree.leaves(bad.state.params)[0]).all()
    step = int(bad.state.bad_step[1])
    assert np.isnan(bad.book.steps["loss"][1, step + 1 :]).all()

    def row(tree):
        return jax.tree.map(lambda leaf: leaf[0], (tree.state, tree.best, tree.book.steps))

    tiny.assert_same_bits(row(bad), row(snapshot))


@pytest.mark.slow
def test_members_with_own_seeds_have_own_streams():
    made = tiny.make_plan({}, {}, seeds=1, base=replace(tiny.BASE, {"seed": 3}))
    assert made.phases[0].program.shared_batch
    mixed = tiny.make_plan({"seed": 3}, {"seed": 4})
    assert not mixed.phases[0].program.shared_batch
    ended, alone = tiny.run(mixed), tiny.run(made)
    seen = ended.book.steps["examples"]
    assert (seen[0] != seen[1]).any()
    np.testing.assert_array_equal(seen[0], alone.book.steps["examples"][0])


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"lane": "map"}, {"shared_batch": False}])
def test_float32_lanes_agree_at_step_one(whole, change):
    _, snapshot, _ = whole
    other = tiny.run(tiny.make_plan(*RATES, **change))
    np.testing.assert_array_equal(other.book.steps["examples"], snapshot.book.steps["examples"])
    np.testing.assert_allclose(
        other.book.steps["loss"][:, 0], snapshot.book.steps["loss"][:, 0], rtol=1e-5
    )


def test_plateau_lowers_the_rate_of_its_member_only():
    """It looks at the ends of epochs, whatever is evaluated between."""
    plateau = {
        "schedule.name": "plateau", "schedule.patience": 0, "schedule.threshold": 0.99,
        "schedule.factor": 0.5,
    }  # fmt: skip
    base = replace(tiny.BASE, {"train.epochs": 4, "eval.every": "1 steps"})
    book = tiny.run(tiny.make_plan(plateau, {}, base=base)).book
    assert book.steps["lr"][0, ::3].tolist() == [0.01, 0.01, 0.005, 0.0025]
    assert (book.steps["lr"][1] == 0.01).all()


def test_scoring_counts_every_image_once():
    """Any batch size gives the same counts, and a copy of the images in NumPy agrees."""
    made = tiny.make_plan(*RATES)
    state, data = engine.start(made).state, tiny.images_of(made).scored["val"]
    program = made.phases[0].program
    weights = programs.weights(program, state)
    numbers = programs.place(made.phases[0].numbers, program)
    results = [scoring.score(program, weights, numbers, data, batch) for batch in (5, 12)]
    for loss, accuracy in results:
        np.testing.assert_allclose(loss, results[0][0], rtol=1e-6)
        np.testing.assert_array_equal(accuracy, results[0][1])
        assert np.isin(accuracy * tiny.N_VAL, np.arange(tiny.N_VAL + 1)).all()


def test_best_weights_are_those_of_the_best_evaluation(whole):
    _, snapshot, saved = whole
    for m in range(2):
        values = snapshot.book.rows["val_accuracy"][m]
        assert snapshot.book.best_value[m] == values.max()
        first = int(np.argmax(values))  # strictly greater: the first of equals stays
        assert snapshot.book.best_step[m] == [3, 6][first]
        for kept, then in zip(
            jax.tree.leaves(snapshot.best["params"]),
            jax.tree.leaves(saved[first].state.params), strict=True,
        ):  # fmt: skip
            np.testing.assert_array_equal(kept[m], then[m])


def test_a_restored_snapshot_compiles_nothing_new(whole):
    """Its arrays lie on the devices as those of a running population do."""
    made, _, saved = whole
    data = tiny.images_of(made)
    with Compiles() as compiles:
        tiny.run(made, data, snapshot=saved[0])
    assert compiles.of("segment") == compiles.of("score") == 0, compiles.names
