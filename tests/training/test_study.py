"""Training by the Python API end to end, on a network and images of toy size."""

import itertools
import shutil

import jax
import numpy as np
import pytest
import tiny

import jaxcifar
from jaxcifar import augment, cli, data, evaluate, models, report
from jaxcifar.checkpoints import first_weights, trained_weights
from jaxcifar.config import Member, Study, population, replace
from jaxcifar.core.errors import UserError
from jaxcifar.planning import prepare, resolve
from jaxcifar.records import folder, formats
from jaxcifar.report import __main__
from jaxcifar.training import engine

BASE = replace(tiny.BASE, {
    "data.n_train": 40, "data.n_test": 20, "checkpoint.keep_every": "1 epoch",
    "train.record": ("last_layer_grad", "first_conv_grad_norm"), "eval.train": True,
    "average.name": "swa", "average.start": 0.0, "eval.histograms": True, "eval.probes": True,
})  # fmt: skip
STUDY = Study("tiny", BASE, (Member("a", {"optim.lr": 0.01}), Member("b", {"optim.lr": 0.03})))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return jaxcifar.train(STUDY, tmp_path_factory.mktemp("runs") / "tiny")


def test_the_folder_holds_what_it_promises(results):
    names = {path.name for path in results.workdir.iterdir()}
    assert names >= {"config.json", "environment.json", "metrics.jsonl", "steps.npz",
                     "summary.json", "groups"}  # fmt: skip
    environment = formats.read_json(results.workdir / "environment.json")
    assert environment["cores"] >= 1 and environment["backend"] == "cpu"
    (group,) = environment["groups"].values()
    assert group["lane"] in ("vmap", "map") and group["lowering"] == "cpu/cpu"


def test_the_report_of_a_killed_run_is_of_all_that_its_groups_recorded(
    results, tmp_path, monkeypatch
):
    monkeypatch.setattr(report, "write", lambda workdir: [])  # what it draws has its own tests
    copy = shutil.copytree(results.workdir, tmp_path / "killed")
    merged = ("metrics.jsonl", "steps.npz", "summary.json")
    for name in merged:
        (copy / name).unlink()
    assert __main__.main(["--workdir", str(copy)]) == 0
    for name in merged:
        assert (copy / name).read_bytes() == (results.workdir / name).read_bytes()


def test_records_are_complete_and_in_range(results):
    assert [row["member"] for row in results.metrics] == ["a", "b", "a", "b"]
    for row in results.metrics:
        for name in ("train_accuracy", "val_accuracy", "train_eval_accuracy"):
            assert 0 <= row[name] <= 1
        assert row["train_loss"] > 0 and row["val_loss"] > 0 and row["train_eval_loss"] > 0
    steps = results.steps
    assert steps["loss"].shape == (2, 4)  # 32 images after the split: 2 steps of 16, 2 epochs
    assert (steps["last_layer_grad_min"] < 0).all() and (steps["last_layer_grad_max"] > 0).all()
    assert (steps["first_conv_grad_norm"] > 0).all()
    assert ((0 <= steps["accuracy"]) & (steps["accuracy"] <= 1)).all()


def test_the_summary_scores_the_test_set_for_every_set_of_weights(results):
    for row in results.summary["members"].values():
        for which in ("best", "last", "swa"):
            assert row["test"][which]["accuracy"] * 20 == pytest.approx(
                round(row["test"][which]["accuracy"] * 20)
            )
        assert 0 <= row["validation_of"]["swa"]["accuracy"] <= 1
        assert row["parameters"] > 0 and row["diverged_step"] is None
    assert results.summary["select_on"] == "validation"


def test_a_restored_network_gives_the_summary_s_score(results):
    """By the API: restore, normalise, apply, in NumPy arithmetic on the logits."""
    images = data.load("synthetic", None, n_train=40, n_test=20)
    program = resolve.resolve(BASE).program
    pixels = augment.normalise(images.test_images, program.mean, program.std)
    for which in ("best", "last", "swa"):
        model, variables = jaxcifar.load(results.workdir, "b", which)
        logits = np.asarray(model.apply(variables, pixels, train=False), np.float64)
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        score = results.summary["members"]["b"]["test"][which]
        assert score["accuracy"] == (log_p.argmax(1) == images.test_labels).mean()
        loss = -log_p[np.arange(20), images.test_labels].mean()
        assert score["loss"] == pytest.approx(loss, rel=1e-5)


def test_predict_gives_probabilities(results):
    images = tiny.images(3)[0]
    probabilities = jaxcifar.predict(results.workdir, "a", images)
    assert probabilities.shape == (3, 10)
    np.testing.assert_allclose(np.asarray(probabilities).sum(1), 1, rtol=1e-5)


def first_params(results):
    job = prepare.group_at(*trained_weights.group_of(results.workdir, "a"))
    return engine.start(job.plan).state.params


def table_of(results, name):
    (group,) = folder.groups(results.workdir)
    return formats.read_table(group.path / f"{name}.npz")


def test_answers_on_the_test_set_are_those_of_predict(results):
    """Confusion and calibration in NumPy; the score of the summary is the confusion's trace."""
    images = data.load("synthetic", None, n_train=40, n_test=20)
    table = table_of(results, "test")
    assert table["members"].tolist() == ["a", "b"] and table["classes"][5] == "rings"
    for (m, member), (k, kind) in itertools.product(enumerate("ab"), enumerate(table["kinds"])):
        probabilities = np.asarray(
            jaxcifar.predict(results.workdir, member, images.test_images, str(kind))
        )
        top, right = probabilities.max(1), probabilities.argmax(1) == images.test_labels
        confusion = np.zeros((10, 10))
        np.add.at(confusion, (images.test_labels, probabilities.argmax(1)), 1)
        np.testing.assert_array_equal(table["confusion"][m, k], confusion)
        bins = np.ceil(top * 15).astype(int) - 1
        for name, weights in (("count", np.ones(20)), ("correct", right), ("confidence", top)):
            expected = np.bincount(bins, weights, 15)
            np.testing.assert_allclose(table[f"bin_{name}"][m, k], expected, rtol=1e-5)
        score = results.summary["members"][member]["test"][str(kind)]
        assert score["accuracy"] == np.trace(table["confusion"][m, k]) / 20


def test_first_and_last_histograms_are_of_the_first_and_last_weights(results):
    table = table_of(results, "histograms")
    assert table["epochs"].tolist() == [0, 1, 2]
    first = first_params(results)
    for m, member in enumerate("ab"):
        last = jaxcifar.load(results.workdir, member, "last")[1]["params"]
        for row, params in ((0, jax.tree.map(lambda leaf, m=m: leaf[m], first)), (2, last)):
            for leaf, kernel in enumerate(models.kernels(params).values()):
                kernel = np.asarray(kernel)
                low, high = kernel.min(), kernel.max()
                assert (low, high) == (table["low"][m, row, leaf], table["high"][m, row, leaf])
                counts, _ = np.histogram(kernel, 64, (low, high))
                moved = np.abs(counts - table["counts"][m, row, leaf]).sum()  # edges are rounded
                assert moved <= 2 + kernel.size // 1000


def test_probes_are_of_the_selected_weights_and_the_first_ones(results):
    table = table_of(results, "probes")
    shown = data.load("synthetic", None, n_train=40, n_test=20).test_images[:16]
    for m, member in enumerate("ab"):
        found = jaxcifar.predict(results.workdir, member, shown)
        np.testing.assert_allclose(table["sample_probabilities"][m], found, rtol=1e-4)
        _, best = jaxcifar.load(results.workdir, member)
        np.testing.assert_array_equal(table["filters"][m], best["params"]["conv1"]["kernel"])
    np.testing.assert_array_equal(table["sample_images"], shown)
    np.testing.assert_array_equal(table["initial_rms"][0], table["initial_rms"][1])  # one seed
    assert (table["final_rms"][0] != table["final_rms"][1]).any()


def test_averaged_weights_are_the_mean_of_the_kept_ones(results):
    means, one, two = (jaxcifar.load(results.workdir, "a", which)[1]
                       for which in ("swa", "step:2", "last"))  # fmt: skip
    for mean, a, b in zip(*(jax.tree.leaves(v["params"]) for v in (means, one, two)), strict=True):
        np.testing.assert_allclose(mean, (a + b) / 2, rtol=1e-6, atol=1e-7)
    pairs = zip(*(jax.tree.leaves(v["batch_stats"]) for v in (means, two)), strict=True)
    assert all((a != b).any() for a, b in pairs), "statistics of their own"


def tuned_study(results, *members, **changes):
    """The same program at rate 0: weights come out as they went in."""
    still = {"optim.lr": 0.0, "average.start": 0.5, "checkpoint.keep_every": None, **changes}
    return Study("tuned", replace(BASE, still), members)


def test_a_run_starts_from_another_run_s_weights(results, tmp_path):
    """Member x from those of b, member y from its own seed, in one group."""
    names = Member("x", {"init_from": f"{results.workdir}:b"}), Member("y", {})
    jaxcifar.train(tuned_study(results, *names), tmp_path / "tuned")
    first = first_params(results)
    own = jax.tree.map(lambda leaf: np.asarray(leaf[1]), first)  # of seed 0, like y
    for name, expected in (("x", jaxcifar.load(results.workdir, "b", "last")[1]["params"]),
                           ("y", own)):  # fmt: skip
        found = jaxcifar.load(tmp_path / "tuned", name, "last")[1]["params"]
        tiny.assert_same_bits(found, expected)


def test_first_weights_are_known_by_their_bytes_and_not_by_their_folder(results, tmp_path):
    copy = tmp_path / "elsewhere"
    shutil.copytree(results.workdir, copy)
    one, two, three = (
        first_weights.pin(tuned_study(results, Member("x", {"init_from": f"{folder}:{member}"})))
        for folder, member in ((results.workdir, "b:last"), (copy, "b"), (copy, "b:swa"))
    )
    ids = [population.expand(study, lambda config: "data")[0].identity
           for study in (one, two, three)]  # fmt: skip
    assert ids[0] == ids[1] != ids[2]
    rows = population.expand(three, lambda config: "data")
    (weights,) = first_weights.read(rows).values()
    tiny.assert_same_bits(weights, jaxcifar.load(results.workdir, "b", "swa")[1])
    (manifest,) = copy.glob("groups/*/checkpoints/swa/manifest.json")
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(UserError, match="other weights are there now"):
        first_weights.read(rows)


@pytest.mark.parametrize("source, changes, words", [
    ("{}:c", {}, "unknown member 'c'"), ("{}:b:ema", {}, "unknown kind of weights 'ema'"),
    ("{}/groups:b", {}, "is no run folder"), ("{}", {}, "names no weights"),
    ("{}:b", {"model.filters": (4, 4, 8)}, "another network: bn3/bias is .4,. there, .8,. here"),
    ("{}:b", {"data.validation": 0.5}, "trained on images that validate here"),
])  # fmt: skip
def test_first_weights_that_do_not_fit_are_refused(results, tmp_path, source, changes, words):
    with pytest.raises(UserError, match=words) as error:
        member = Member("x", {"init_from": source.format(results.workdir)})
        prepare.prepare(tuned_study(results, member, **changes), tmp_path / "new")
    assert len(str(error.value).splitlines()) <= 3 and not (tmp_path / "new").exists()


def test_kept_checkpoints_are_restored_by_step(results):
    _, early = jaxcifar.load(results.workdir, "a", "step:2")
    _, late = jaxcifar.load(results.workdir, "a", "last")
    pairs = zip(jax.tree.leaves(early), jax.tree.leaves(late), strict=True)
    assert any((x != y).any() for x, y in pairs)
    with pytest.raises(UserError, match="no checkpoint of step 3"):
        jaxcifar.load(results.workdir, "a", "step:3")


@pytest.mark.parametrize("member, which, words", [
    ("c", "best", "unknown member 'c'"), ("a", "worst", "unknown kind of weights 'worst'"),
])  # fmt: skip
def test_what_cannot_be_restored(results, member, which, words):
    with pytest.raises(UserError, match=words):
        jaxcifar.load(results.workdir, member, which)


def test_evaluate_command(results, capsys):
    for which in ("best", "swa"):
        args = ["--workdir", str(results.workdir), "--which", which]
        assert cli.run(evaluate.main, args) == 0
        out = capsys.readouterr().out
        for name in "ab":
            score = results.summary["members"][name]["test"][which]
            said = (
                f"{name}: test accuracy {100 * score['accuracy']:.2f} %, loss {score['loss']:.4f}"
            )
            assert said in out
    assert cli.run(evaluate.main, ["--workdir", str(results.workdir / "groups")]) == 2
    assert "is no run folder" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_not_evaluated(results, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(results.workdir, copy)
    (group,) = folder.groups(copy)
    for path in (group.path / "checkpoints").rglob("manifest.json"):
        victim = max(
            (p for p in path.parent.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size
        )
        victim.write_bytes(victim.read_bytes()[:-1] + b"\x00\x01")
    with pytest.raises(UserError, match="every checkpoint .* is damaged"):
        jaxcifar.load(copy, "a")


def test_a_finished_study_does_nothing_and_new_members_alone_are_trained(results, capsys):
    before = (results.workdir / "groups").glob("*/steps.npz")
    stamps = {path: path.stat().st_mtime_ns for path in before}
    again = jaxcifar.train(STUDY, results.workdir)
    assert without(again.metrics) == without(results.metrics)
    more = Study("tiny", BASE, (*STUDY.members, Member("c", {"optim.lr": 0.02})))
    third = jaxcifar.train(more, results.workdir)
    assert list(third.summary["members"]) == ["a", "b", "c"]
    assert third.steps["members"].tolist() == ["a", "b", "c"]
    assert len(folder.groups(results.workdir)) == 2
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    for study in (more, STUDY):  # the smaller command, too, and the folder stays the larger one's
        assert list(jaxcifar.train(study, results.workdir).summary["members"]) == ["a", "b", "c"]


def without(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_another_study_s_folder_is_refused(results):
    other = Study("tiny", replace(BASE, {"optim.momentum": 0.5}), STUDY.members)
    with pytest.raises(UserError, match="member 'a' differs .optim.momentum: 0.9 there, 0.5 here"):
        prepare.prepare(other, results.workdir)
    stranger = results.workdir / "groups"
    with pytest.raises(UserError, match="is no run folder, but holds what is of one"):
        prepare.prepare(STUDY, stranger)
