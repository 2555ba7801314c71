"""The numbers of a report, by hand, from records written here."""

import json
import shutil

import numpy as np
import pytest
from made_records import write_run
from made_report import DATA, finish

from jaxcifar.core import wording
from jaxcifar.report import blocks, run_records, sections, statistics, tables


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return finish(write_run(tmp_path_factory.mktemp("run")))


def test_what_was_run(run):
    rows = dict(tables.setup(run_records.read(run)).rows)
    assert rows["Study"] == "bn, variant quick" and rows["Data"] == "synthetic"
    assert rows["Data fingerprint (SHA-256)"] == "ab" * 32
    assert rows["Training images"] == "7,373 (and 819 set aside for validation)"
    assert (rows["Test images"], rows["Epochs"], rows["Batch size"]) == ("2,000", "4", "128")
    assert rows["Device"] == "1 \u00d7 cpu (cpu)" and rows["CPU cores"] == "2"
    assert rows["Commit"] == "c" * 40 and rows["Versions"] == "jaxcifar 0.1.0, jax 0.10.2"
    assert rows["Training time"] == "61.2 s (vgg_a-batch-0a 61.2)"
    assert rows["Command"].endswith("configs/bn.py:quick")


@pytest.mark.parametrize(
    "part, expected",
    [
        ({"name": "cifar10", "n_train": None, "n_test": None}, (45_000, 5_000, 10_000)),
        ({"name": "cifar10", "n_train": None, "n_test": 500, "validation": 0.0}, (50_000, 0, 500)),
        ({"name": "synthetic", "n_train": None, "n_test": None}, (9_000, 1_000, 2_000)),
    ],
)
def test_image_counts_follow_the_config(part, expected):
    assert run_records.images({"data": DATA | part}) == expected


def test_a_member_row_by_hand(run):
    table = tables.members(run_records.read(run))
    assert [column.title for column in table.columns] == [
        "Member", "Changes", "Parameters", "Best epoch", "Selection accuracy, validation (%)",
        "Test accuracy, best weights (%)", "Test accuracy, last weights (%)",
        "Final training loss (nats)", "Seconds", "Images/s",
    ]  # fmt: skip
    last = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    loss = [line["train_loss"] for line in last if line["member"] == "bn-0.002"][-1]
    assert table.rows[1] == (
        "bn-0.002", "model.norm=batch, optim.lr=0.002", "611,610", "3", "76.54", "76.00", "81.00",
        f"{loss:.4f}", "61.2", "1,234",
    )  # fmt: skip


def test_the_reported_weights_come_first(tmp_path):
    run = run_records.read(finish(write_run(tmp_path), select="last"))
    titles = [column.title for column in tables.members(run).columns]
    assert titles.index("Test accuracy, last weights (%)") == 5
    assert tables.members(run).rows[0][5:7] == ("80.00", "75.00")
    said = sections.opening(run)[0].text
    assert said.startswith("8 members, 1 seed each, 4 epochs, trained on synthetic images. ")
    assert "The last weights are reported" in said


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_averaged_weights_and_stages_are_shown_where_there_are_any(tmp_path):
    folder = finish(write_run(tmp_path), select="swa")

    def with_average(summary):
        for row in summary["members"].values():
            row["test"]["swa"] = {"accuracy": 0.5, "loss": 1.0}

    def with_stage(config):
        for member in config["members"]:
            member["config"]["average"] = {"name": "swa"}
            member["config"]["init_from"] = f"runs/pretrain:a:last@{'0' * 64}"
            member["config"]["stages"] = [[0.8, {"optim.name": "sgd", "optim.momentum": 0.9}]]

    change(folder / "summary.json", with_average)
    change(folder / "config.json", with_stage)
    run = run_records.read(folder)
    table = tables.members(run)
    titles = [c.title for c in table.columns if c.title.startswith("Test accuracy")]
    assert titles == [
        "Test accuracy, averaged weights (SWA) (%)", "Test accuracy, best weights (%)",
        "Test accuracy, last weights (%)",
    ]  # fmt: skip
    assert table.rows[0][[c.title for c in table.columns].index(titles[0])] == "50.00"
    rows = dict(tables.setup(run).rows)
    assert rows["Later stages"] == "from 0.8 of the epochs: optim.name=sgd, optim.momentum=0.9"
    assert any("statistics of their own" in b.text for b in sections._results(run)
               if isinstance(b, blocks.Paragraph))  # fmt: skip
    assert rows["First weights"] == "runs/pretrain:a:last"
    assert rows["Averages"] == "SWA" and rows["Weights reported"].startswith("swa;")


def test_spread_by_hand():
    """Mean 0.83; deviation sqrt((9 + 1 + 16) / 2) / 100; t of 2 degrees at 97.5 % is 4.302653."""
    found = statistics.spread([0.80, None, 0.82, float("nan"), 0.87])
    assert found.n == 3
    half = 4.302653 * np.sqrt(13) / 100 / np.sqrt(3)
    np.testing.assert_allclose(
        found[1:], [0.83, np.sqrt(13) / 100, 0.83 - half, 0.83 + half], rtol=1e-6
    )
    assert statistics.spread([0.5])[:2] == (1, 0.5) and np.isnan(statistics.spread([0.5])[2:]).all()
    assert statistics.spread([None]).n == 0


@pytest.mark.reliability("T17")
def test_seeds_are_summed_up_and_missing_ones_named(tmp_path):
    write_run(tmp_path, seeds=3, rates=(1e-3, 2e-3), norms=("batch",))
    scores = [0.80, 0.5, 0.82, 0.6, 0.87, 0.7]  # seeds are outermost
    run = run_records.read(finish(tmp_path, accuracy=scores, leave_out=["bn-0.002.s2"]))
    table, missing = tables.seeds(run)
    assert [column.title for column in table.columns][2:] == [
        "n", "Mean (%)", "Standard deviation (points)", "95 % interval (%)",
    ]  # fmt: skip
    assert table.rows[0] == ("bn-0.001", "best weights", "3", "78.00", "3.61", "69.04 to 86.96")
    assert table.rows[2] == ("bn-0.001", "last weights", "3", "83.00", "3.61", "74.04 to 91.96")
    assert table.rows[3] == ("bn-0.002", "last weights", "2", "55.00", "7.07", "-8.53 to 118.53")
    assert missing == ("bn-0.002 (1 of 3)",)
    assert "seed=1" in tables.members(run).rows[2][1]


def test_band_table_by_hand(run):
    records = run_records.read(run).records
    losses = records.steps["loss"][4:]  # without BatchNorm
    width = losses.max(0) - losses.min(0)
    assert tables.landscape(run_records.read(run)).rows[1] == (
        "VGG-A without BatchNorm", "4", "40", f"{width.mean():.4f}", f"{width[:10].mean():.4f}",
        f"{width[30:].mean():.4f}", "\u2013",
    )  # fmt: skip


def test_band_numbers_are_means_over_seeds(tmp_path):
    records = run_records.read(write_run(tmp_path, seeds=2, norms=("none",))).records
    losses = records.steps["loss"].reshape(2, 4, 40)
    found = statistics.band_numbers(records, "VGG-A")
    np.testing.assert_allclose(found.width, (losses.max(1) - losses.min(1)).mean())
    assert found[:2] == (4, 40)


def test_spikes_are_counted_late_in_long_runs_only(tmp_path):
    records = run_records.read(write_run(tmp_path, norms=("batch",), epochs=4, spe=1300)).records
    records.steps["loss"][:] = 0.5
    records.steps["loss"][2, [10, 5000, 5001, 5100]] = 3.0
    assert statistics.band_numbers(records, "VGG-A").spikes == 2
    short = records._replace(members=tuple(m._replace(length=5001) for m in records.members))
    assert np.isnan(statistics.band_numbers(short, "VGG-A").spikes)


@pytest.mark.reliability("T8")
def test_a_lost_run_ends_the_width(tmp_path):
    folder = finish(write_run(tmp_path, diverge={"plain-0.002": 25}))
    run = run_records.read(folder)
    row = tables.landscape(run).rows[1]
    losses = run.records.steps["loss"][4:, :25]
    assert row[3] == f"{(losses.max(0) - losses.min(0)).mean():.4f}" and row[5] == "\u2013"
    table = tables.members(run)
    assert table.columns[-1].title == "Note" and table.rows[5][-1] == "diverged at step 25"
    assert table.rows[5][7] == "\u2013" and table.rows[4][-1] == ""


def test_epochs_to_reach_by_hand(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    scores = {"bn-0.001": [0.4, 0.55, 0.72, 0.74], "bn-0.002": [0.9, 0.2, 0.2, 0.2]}
    for line in lines:
        if line["member"] in scores:
            line["val_accuracy"] = scores[line["member"]][int(line["epoch"]) - 1]
    kept = [line for line in lines if line["member"] != "plain-0.0001"]
    (tmp_path / "run" / "metrics.jsonl").write_text("\n".join(map(json.dumps, kept)))
    rows = tables.speeds(run_records.read(tmp_path / "run")).rows
    assert rows[0] == ("bn-0.001", "VGG-A with BatchNorm", "0.001", "2", "3", "never", "never")
    assert rows[1][3:] == ("1", "1", "1", "1")
    assert rows[-1][3:] == ("\u2013",) * 4


def test_numbers_in_words():
    assert wording.number(None) == wording.number(float("nan"), 2) == "\u2013"
    assert wording.number(0) == "0" and wording.percent(0.0) == "0.00"
    assert wording.number(1234567.891, 1) == "1,234,567.9"
    assert wording.listed(["a"]) == "a" and wording.listed(["a", "b", "c"]) == "a, b and c"
    assert wording.listed(list("abcdefghij"), most=3) == "a, b, c and 7 more"
    assert wording.plural(1, "seed") == "1 seed" and wording.plural(1200, "seed") == "1,200 seeds"
