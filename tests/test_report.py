"""Reports from records written here: numbers by hand, rules, bytes, and refusals."""

import base64
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from made_records import write_run

from jaxcifar import cli, figures, report
from jaxcifar.errors import UserError
from jaxcifar.report import __main__ as command
from jaxcifar.report import blocks, claims, markdown, page, reading, sections, statistics, tables

PIXEL = bytes.fromhex(  # a whole PNG, one white pixel
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63f80f00010101005a4d6fb60000000049454e44ae426082"
)
DATA = {
    "name": "synthetic", "n_train": 8192, "n_test": 2000, "validation": 0.1, "split_seed": 42,
    "normalisation": "half",
}  # fmt: skip


def finish(folder, leave_out=(), select="best", width=0.25, commit="c" * 40, accuracy=None):
    """Add what a finished run has on top of `write_run`'s records."""
    config = json.loads((folder / "config.json").read_text())
    config["data"] = {"label": config["data"]["label"], "fingerprint": "ab" * 32,
                      "source": "generated from seed 0: 8,192 train, 2,000 test"}  # fmt: skip
    for member in config["members"]:
        tree = member["config"]
        tree |= {"data": DATA, "train": {"epochs": 4, "batch_size": 128}, "select": select}
        tree["model"]["width"] = width
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "environment.json").write_text(json.dumps({
        "commit": commit, "versions": {"jaxcifar": "0.1.0", "jax": "0.10.2", "other": None},
        "python": "3.11.2", "command": "python -m jaxcifar.train --config configs/bn.py:quick",
        "backend": "cpu", "device_kind": "cpu", "devices": 1, "cores": 2,
        "groups": {"vgg_a-batch-0a": {"lane": "vmap", "lowering": "winograd"}},
    }))  # fmt: skip
    rows = {}
    for index, member in enumerate(config["members"]):
        if member["id"] not in leave_out:
            reached = accuracy[index] if accuracy else 0.8 + 0.01 * index
            rows[member["id"]] = {
                "parameters": 611_610, "best_epoch": 3.0, "best_step": 30, "diverged_step": None,
                "validation": {"accuracy": 0.7654, "loss": 0.7},
                "test": {"last": {"accuracy": reached, "loss": 0.8},
                         "best": {"accuracy": reached - 0.05, "loss": 0.9}},
                "seconds": 61.25, "images_per_second": 1234.5,
            }  # fmt: skip
    summary = {"members": rows, "select": select}
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "groups" / "vgg_a-batch-0a").mkdir(parents=True, exist_ok=True)
    (folder / "groups" / "vgg_a-batch-0a" / "summary.json").write_text(json.dumps(summary))
    return folder


@pytest.fixture
def quick_figures(monkeypatch):
    """Figures of one pixel, so that only the report is made."""

    def draw_all(folder):
        (folder / "figures").mkdir(exist_ok=True)
        paths = [folder / "figures" / f"{name}.png" for name in ("loss_curves", "learning_rates")]
        for path in paths:
            path.write_bytes(PIXEL)
        return [*paths, folder / "figures" / "loss_curves.svg"]

    monkeypatch.setattr(figures, "draw_all", draw_all)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return finish(write_run(tmp_path_factory.mktemp("run")))


def pages(folder):
    return tuple(path.read_text() for path in report.write(folder))


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL))


def test_the_page_holds_all_figures_and_needs_nothing_else(run, monkeypatch):
    names = ("loss_band_steps", "loss_curves", "learning_rates")
    monkeypatch.setattr(figures, "FIGURES", {name: figures.FIGURES[name] for name in names})
    written = report.write(run)
    assert [path.name for path in written] == ["report.md", "report.html"]
    html = written[1].read_text()
    assert 100_000 < len(html.encode()) < 3_000_000
    sources = re.findall(r'src="(data:image/png;base64,[^"]+)"', html)
    assert len(sources) == len(figures.FIGURES) == html.count("src=")
    for name, source in zip(figures.FIGURES, sources, strict=True):
        assert (
            base64.b64decode(source.partition(",")[2])
            == (run / "figures" / f"{name}.png").read_bytes()
        )
    rest = re.sub(r'src="data:[^"]+"', "", html)
    for word in ("http", "//", "href", "url(", "@import", "<script", "<link", "<iframe"):
        assert word not in rest
    links = re.findall(r"\]\((.+?)\)", written[0].read_text())
    assert len(links) == len(figures.FIGURES) and all((run / link).is_file() for link in links)
    assert html.count('class="narrow"') == 2


def test_the_same_records_give_the_same_bytes_anywhere(run, tmp_path, quick_figures):
    shutil.copytree(run, tmp_path / "moved")
    first = pages(run)
    assert pages(tmp_path / "moved") == first == pages(run)
    assert str(run) not in "".join(first)


def test_markdown_and_page_say_the_same(run, quick_figures):
    md, html = pages(run)
    for line in md.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip(" `") for cell in line.strip("|").split(" | ")]
            assert " ".join(cells) in text_of(html)
    titles = re.findall(r"^## (.+)$", md, flags=re.MULTILINE)
    assert titles == re.findall(r"<h2>(.+?)</h2>", html) and titles[-1] == "What is not claimed"


def test_what_was_run(run):
    rows = dict(tables.setup(reading.read(run)).rows)
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
    assert reading.images({"data": DATA | part}) == expected


def test_a_member_row_by_hand(run):
    table = tables.members(reading.read(run))
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
    run = reading.read(finish(write_run(tmp_path), select="last"))
    titles = [column.title for column in tables.members(run).columns]
    assert titles.index("Test accuracy, last weights (%)") == 5
    assert tables.members(run).rows[0][5:7] == ("80.00", "75.00")
    said = sections.opening(run)[0].text
    assert said.startswith("8 members, 1 seed each, 4 epochs, trained on synthetic images. ")
    assert "The last weights are reported" in said


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


def test_seeds_are_summed_up_and_missing_ones_named(tmp_path):
    write_run(tmp_path, seeds=3, rates=(1e-3, 2e-3), norms=("batch",))
    scores = [0.80, 0.5, 0.82, 0.6, 0.87, 0.7]  # seeds are outermost
    run = reading.read(finish(tmp_path, accuracy=scores, leave_out=["bn-0.002.s2"]))
    table, missing = tables.seeds(run)
    assert [column.title for column in table.columns][2:] == [
        "n", "Mean (%)", "Standard deviation (points)", "95 % interval (%)",
    ]  # fmt: skip
    assert table.rows[0] == ("bn-0.001", "best weights", "3", "78.00", "3.61", "69.04 to 86.96")
    assert table.rows[2] == ("bn-0.001", "last weights", "3", "83.00", "3.61", "74.04 to 91.96")
    assert table.rows[3] == ("bn-0.002", "last weights", "2", "55.00", "7.07", "-8.53 to 118.53")
    assert missing == ("bn-0.002 (1 of 3)",)
    assert "seed=1" in tables.members(run).rows[2][1]


def test_one_seed_makes_no_interval(run, quick_figures):
    assert tables.seeds(reading.read(run)) is None
    assert "interval (%)" not in pages(run)[0]


def test_band_table_by_hand(run):
    records = reading.read(run).records
    losses = records.steps["loss"][4:]  # without BatchNorm
    width = losses.max(0) - losses.min(0)
    assert tables.landscape(reading.read(run)).rows[1] == (
        "VGG-A without BatchNorm", "4", "40", f"{width.mean():.4f}", f"{width[:10].mean():.4f}",
        f"{width[30:].mean():.4f}", "\u2013",
    )  # fmt: skip


def test_band_numbers_are_means_over_seeds(tmp_path):
    records = reading.read(write_run(tmp_path, seeds=2, norms=("none",))).records
    losses = records.steps["loss"].reshape(2, 4, 40)
    found = statistics.band_numbers(records, "VGG-A")
    np.testing.assert_allclose(found.width, (losses.max(1) - losses.min(1)).mean())
    assert found[:2] == (4, 40)


def test_spikes_are_counted_late_in_long_runs_only(tmp_path):
    records = reading.read(write_run(tmp_path, norms=("batch",), epochs=4, spe=1300)).records
    records.steps["loss"][:] = 0.5
    records.steps["loss"][2, [10, 5000, 5001, 5100]] = 3.0
    assert statistics.band_numbers(records, "VGG-A").spikes == 2
    short = records._replace(members=tuple(m._replace(length=5001) for m in records.members))
    assert np.isnan(statistics.band_numbers(short, "VGG-A").spikes)


def test_a_lost_run_ends_the_width(tmp_path):
    folder = finish(write_run(tmp_path, diverge={"plain-0.002": 25}))
    run = reading.read(folder)
    row = tables.landscape(run).rows[1]
    losses = run.records.steps["loss"][4:, :25]
    assert row[3] == f"{(losses.max(0) - losses.min(0)).mean():.4f}" and row[5] == "\u2013"
    table = tables.members(run)
    assert table.columns[-1].title == "Note" and table.rows[5][-1] == "diverged at step 25"
    assert table.rows[5][7] == "\u2013" and table.rows[4][-1] == ""


def test_one_learning_rate_has_no_band_table(tmp_path, quick_figures):
    folder = finish(write_run(tmp_path, rates=(1e-3,)))
    assert tables.landscape(reading.read(folder)) is None
    assert "Epochs to reach" not in pages(folder)[0] and "loss bands" not in pages(folder)[0]


def test_epochs_to_reach_by_hand(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    scores = {"bn-0.001": [0.4, 0.55, 0.72, 0.74], "bn-0.002": [0.9, 0.2, 0.2, 0.2]}
    for line in lines:
        if line["member"] in scores:
            line["val_accuracy"] = scores[line["member"]][int(line["epoch"]) - 1]
    kept = [line for line in lines if line["member"] != "plain-0.0001"]
    (tmp_path / "run" / "metrics.jsonl").write_text("\n".join(map(json.dumps, kept)))
    rows = tables.speeds(reading.read(tmp_path / "run")).rows
    assert rows[0] == ("bn-0.001", "VGG-A with BatchNorm", "0.001", "2", "3", "never", "never")
    assert rows[1][3:] == ("1", "1", "1", "1")
    assert rows[-1][3:] == ("\u2013",) * 4


def test_an_unfinished_run_is_reported_as_such(tmp_path, quick_figures):
    write_run(tmp_path, shorter={"bn-0.001": 2})
    with np.load(tmp_path / "steps.npz") as table:
        half = {k: v[:4] if v.ndim == 2 or k == "members" else v for k, v in table.items()}
    np.savez(tmp_path / "steps.npz", **half)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    kept = [line for line in lines if "plain" not in line]
    (tmp_path / "metrics.jsonl").write_text("\n".join(kept))
    md, html = pages(tmp_path)
    for text in (md, text_of(html), report.table(tmp_path)):
        assert "0 of 8 members are trained and scored. Missing: bn-0.001, bn-0.002" in text
        assert "unfinished: recorded up to epoch 2" in text and "not begun" in text
    assert "The commit is not recorded" in md and "| CPU cores | \u2013 |" in md
    finish(tmp_path, leave_out=["plain-0.001"])
    assert "7 of 8 members are trained and scored. Missing: plain-0.001." in pages(tmp_path)[0]


def test_the_test_set_as_judge_is_named_everywhere(tmp_path, quick_figures):
    folder = finish(write_run(tmp_path, select_on="test", seeds=2))
    run = reading.read(folder)
    titles = [column.title for column in tables.members(run).columns]
    assert "Selection accuracy, test set (%)" in titles
    assert "Test accuracy, best weights, chosen on the test set (%)" in titles
    assert tables.seeds(run)[0].rows[0][1] == "best weights, chosen on the test set"
    for text in (*pages(folder), report.table(folder)):
        assert "The test set selected: the best epoch was chosen by test accuracy" in text
    assert "## Epochs to reach an accuracy, on the test set" in pages(folder)[0]


def test_validation_as_judge_needs_no_warning(run, quick_figures):
    for text in (*pages(run), report.table(run)):
        assert "test set selected" not in text and "chosen on the test set" not in text
    assert not sections.warnings(reading.read(run))


@pytest.mark.parametrize(
    "records, extra, said, unsaid",
    [
        ({}, {}, "images are synthetic", "JPEG"),
        ({"label": "CIFAR-10 (JPEG)"}, {}, "JPEG compression", "synthetic"),
        ({"label": "CIFAR-10 (unrecognised bytes)"}, {}, "bytes of the images are not", "JPEG"),
        ({"label": "CIFAR-10"}, {}, "One seed per member", "JPEG"),
        ({"seeds": 2}, {}, "intervals are over 2 seeds", "One seed"),
        ({"select_on": "test"}, {}, "The test set chose the best epoch", "overfitting"),
        ({"select_on": "train"}, {}, "overfitting", "The test set chose"),
        ({}, {}, "multiplied by 0.25; only 8,192 training images", "Unfinished"),
        ({}, {"width": 1.0}, "only 2,000 test images", "multiplied"),
        ({}, {"leave_out": ["bn-0.001"]}, "Unfinished: bn-0.001.", "Diverged"),
        ({"diverge": {"bn-0.001": 3}}, {}, "Diverged: bn-0.001.", "Unfinished"),
        ({"rates": (1e-3,)}, {}, "no benchmark", "loss bands"),
        ({}, {}, "loss bands span independent trainings", "Files differed"),
        ({}, {"commit": "c-dirty"}, "Files differed from the commit", "commit is not recorded"),
        ({}, {"commit": None}, "commit is not recorded", "Files differed"),
    ],
)
def test_what_is_not_claimed_follows_from_the_records(tmp_path, records, extra, said, unsaid):
    run = reading.read(finish(write_run(tmp_path, **records), **extra))
    text = " ".join(claims.not_claimed(run))
    assert said in text and unsaid not in text


def test_a_study_of_the_published_size_is_not_called_small(tmp_path, monkeypatch):
    whole = {"name": "cifar10", "n_train": None, "n_test": None, "validation": 0.0}
    monkeypatch.setitem(globals(), "DATA", DATA | whole)
    folder = finish(write_run(tmp_path, label="CIFAR-10", select_on="test"), width=None)
    config = json.loads((folder / "config.json").read_text()) | {"variant": "r1"}
    (folder / "config.json").write_text(json.dumps(config))
    assert "published size" not in " ".join(claims.not_claimed(reading.read(folder)))


def test_every_figure_has_a_caption(run):
    assert set(sections.CAPTIONS) == set(figures.FIGURES)
    paths = [run / "figures" / f"{name}.png" for name in figures.FIGURES]
    shown = sections.document(reading.read(run), paths).blocks[-3].pictures
    assert shown[5].caption == (
        "Loss of every run, a panel a network. Solid: validation; dotted: training, mean of the "
        "epoch's step losses. Data: synthetic, n = 1 seed."
    )


def test_figures_that_do_not_fit_are_named(tmp_path):
    (tmp_path / "small.png").write_bytes(PIXEL)
    for name in ("first", "second"):  # each alone would fit
        (tmp_path / f"{name}.png").write_bytes(PIXEL + b"\0" * 1_200_000)
    shown = tuple(
        blocks.Picture(tmp_path / f"{name}.png", f"figures/{name}.png", name, "It.")
        for name in ("first", "second", "small")
    )
    html = page.to_html(blocks.Document("title", (blocks.Gallery(shown),)))
    assert html.count("<img") == 2 and len(html) < 3_000_000
    assert "Too large for here: <code>figures/second.png</code>" in html


def test_signs_mean_themselves():
    table = blocks.Table(
        (blocks.Column("<b>a|b</b>", numeric=False),), ((blocks.Code("x|`y`<z>"),), ("_a_ *b*",))
    )
    document = blocks.Document("1 < 2 & 3", (table, blocks.Bullets(("a_b", "<i>"))))
    md, html = markdown.to_markdown(document), page.to_html(document)
    assert md.splitlines()[0] == r"# 1 \< 2 & 3"
    assert r"| \<b\>a\|b\</b\> |" in md and r"| ``x\|`y`<z>`` |" in md
    assert r"| \_a\_ \*b\* |" in md and "- a_b\n" in md
    assert "<h1>1 &lt; 2 &amp; 3</h1>" in html and "&lt;b&gt;a|b&lt;/b&gt;" in html
    assert "<code>x|`y`&lt;z&gt;</code>" in html and "<li>&lt;i&gt;</li>" in html


def test_terminal_table_lines_up(run):
    lines = report.table(run).splitlines()
    assert lines[0] == "Study bn:quick on synthetic images"
    rule = next(index for index, line in enumerate(lines) if line.startswith("---"))
    assert len(lines) == rule + 9 and max(map(len, lines)) <= 100
    assert "Changes" not in lines[rule - 1] and lines[rule - 1].startswith("Member ")
    ends = [match.end() for match in re.finditer("-+", lines[rule])]
    for line in lines[rule + 1 :]:
        assert [m.end() for m in re.finditer(r"\S+", line)][1:] == ends[1:]


def test_numbers_in_words():
    assert blocks.number(None) == blocks.number(float("nan"), 2) == "\u2013"
    assert blocks.number(0) == "0" and blocks.percent(0.0) == "0.00"
    assert blocks.number(1234567.891, 1) == "1,234,567.9"
    assert blocks.listed(["a"]) == "a" and blocks.listed(["a", "b", "c"]) == "a, b and c"
    assert blocks.listed(list("abcdefghij"), most=3) == "a, b, c and 7 more"
    assert blocks.plural(1, "seed") == "1 seed" and blocks.plural(1200, "seed") == "1,200 seeds"


def test_command_prints_the_two_files(run, quick_figures, capsys):
    assert cli.run(command.main, ["--workdir", str(run)]) == 0
    assert capsys.readouterr().out.split() == [str(run / "report.md"), str(run / "report.html")]
    assert cli.run(command.main, ["--help"]) == 0
    assert "--workdir DIR" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv, message",
    [
        (["--workdir", "nowhere"], "nowhere/config.json is missing"),
        ([], "which run folder?"),
        (["--workdri", "x"], "did you mean 'workdir'"),
    ],
)
def test_command_refuses_politely(argv, message, capsys):
    assert cli.run(command.main, argv) == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error and len(error.splitlines()) <= 3


@pytest.mark.parametrize("name", ["summary.json", "environment.json"])
def test_damaged_records_are_refused(run, tmp_path, name):
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / name).write_text("{")
    with pytest.raises(UserError, match=f"{name} cannot be read"):
        report.table(tmp_path / "run")


def test_needs_no_jax_and_no_scipy_before_there_are_seeds():
    code = (
        "import sys, jaxcifar.report.__main__;"
        "print([m for m in ('jax', 'flax', 'optax', 'orbax', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
