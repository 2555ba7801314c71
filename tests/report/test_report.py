"""Report files from records written here: what they say, their bytes, and refusals."""

import base64
import json
import re
import shutil
import subprocess
import sys

import made_report
import numpy as np
import pytest
from made_records import write_run
from made_report import finish
from PIL import Image

from jaxcifar import cli, figures, report
from jaxcifar.core.errors import UserError
from jaxcifar.report import (
    __main__,
    blocks,
    captions,
    caveats,
    html_page,
    markdown,
    run_records,
    sections,
    tables,
)

PIXEL = bytes.fromhex(  # a whole PNG, one white pixel
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63f80f00010101005a4d6fb60000000049454e44ae426082"
)


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


def test_one_seed_makes_no_interval(run, quick_figures):
    assert tables.seeds(run_records.read(run)) is None
    assert "interval (%)" not in pages(run)[0]


def test_one_learning_rate_has_no_band_table(tmp_path, quick_figures):
    folder = finish(write_run(tmp_path, rates=(1e-3,)))
    assert tables.landscape(run_records.read(folder)) is None
    assert "Epochs to reach" not in pages(folder)[0] and "loss bands" not in pages(folder)[0]


@pytest.mark.reliability("T17")
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
    run = run_records.read(folder)
    titles = [column.title for column in tables.members(run).columns]
    assert "Selection accuracy, test set (%)" in titles
    assert "Test accuracy, best weights, chosen on the test set (%)" in titles
    assert tables.seeds(run)[0].rows[0][1] == "best weights, chosen on the test set"
    for text in (*pages(folder), report.table(folder)):
        assert "The test set selected: the best epoch was chosen by test accuracy" in text
    assert "## Epochs to reach an accuracy, on the test set" in pages(folder)[0]


@pytest.mark.parametrize("select_on, words", [
    ("validation_augmented", "validation images augmented as in training"),
    ("train_augmented", "training images augmented as in training"),
])  # fmt: skip
def test_augmented_images_as_judge_are_named_everywhere(
    tmp_path, quick_figures, select_on, words
):  # fmt: skip
    folder = finish(write_run(tmp_path, select_on=select_on))
    for text in (*pages(folder), report.table(folder)):
        assert "a clean validation split was not used" in " ".join(text.split())
        assert f"best epoch was chosen on the {words}" in " ".join(text.split())
    assert f"best weights, chosen on the {words}" in pages(folder)[0]


def test_validation_as_judge_needs_no_warning(run, quick_figures):
    for text in (*pages(run), report.table(run)):
        assert "test set selected" not in text and "chosen on the test set" not in text
    assert not sections.warnings(run_records.read(run))


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
        ({"select_on": "train_augmented"}, {}, "overfitting", "validation images"),
        ({"select_on": "validation_augmented"}, {}, "not comparable", "overfitting"),
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
    run = run_records.read(finish(write_run(tmp_path, **records), **extra))
    text = " ".join(caveats.not_claimed(run))
    assert said in text and unsaid not in text


def test_a_study_of_the_published_size_is_not_called_small(tmp_path, monkeypatch):
    whole = {"name": "cifar10", "n_train": None, "n_test": None, "validation": 0.0}
    monkeypatch.setattr(made_report, "DATA", made_report.DATA | whole)
    folder = finish(write_run(tmp_path, label="CIFAR-10", select_on="test"), width=None)
    config = json.loads((folder / "config.json").read_text()) | {"variant": "r1"}
    (folder / "config.json").write_text(json.dumps(config))
    assert "published size" not in " ".join(caveats.not_claimed(run_records.read(folder)))


def test_every_figure_has_a_caption(run):
    assert set(captions.CAPTIONS) == {*figures.FIGURES, *figures.INSIDE}
    paths = [run / "figures" / f"{name}.png" for name in figures.FIGURES]
    shown = sections.document(run_records.read(run), paths).blocks[-3].pictures
    assert shown[5].caption == (
        "Loss of every run, a panel a network. Solid: validation; dotted: training, mean of the "
        "epoch's step losses. Data: synthetic, n = 1 seed."
    )


def test_figures_that_do_not_fit_are_named(tmp_path):
    (tmp_path / "small.png").write_bytes(PIXEL)
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200), np.uint8)
    for name in ("first", "second"):  # each alone would fit
        Image.fromarray(noise).save(tmp_path / f"{name}.png")
    shown = tuple(
        blocks.Picture(tmp_path / f"{name}.png", f"figures/{name}.png", name, "It.")
        for name in ("first", "second", "small")
    )
    html = html_page.to_html(blocks.Document("title", (blocks.Gallery(shown),)))
    assert html.count("<img") == 2 and len(html) < 3_000_000
    assert "Too large for here: <code>figures/second.png</code>" in html


def test_figures_lose_colours_where_they_would_not_fit(tmp_path, monkeypatch):
    monkeypatch.setattr(html_page, "FOR_PICTURES", 200_000)
    shades = np.random.default_rng(0).integers(0, 4, (200, 200, 3), np.uint8)
    slope = np.arange(200, dtype=np.uint8)
    shades[..., 0] += slope[:, None]  # the noise is finer than 256 colours tell apart
    shades[..., 1] += slope
    Image.fromarray(shades).save(tmp_path / "a.png")
    whole = base64.b64encode((tmp_path / "a.png").read_bytes()).decode()
    assert 6 * len(whole) > html_page.FOR_PICTURES > len(whole)
    shown = [blocks.Picture(tmp_path / "a.png", "figures/a.png", str(i), "It.") for i in range(6)]
    html = html_page.to_html(blocks.Document("title", (blocks.Gallery(tuple(shown)),)))
    assert html.count("<img") == 6 and whole not in html
    assert whole in html_page.to_html(blocks.Document("title", (blocks.Gallery(tuple(shown[:1])),)))


def test_signs_mean_themselves():
    table = blocks.Table(
        (blocks.Column("<b>a|b</b>", numeric=False),), ((blocks.Code("x|`y`<z>"),), ("_a_ *b*",))
    )
    document = blocks.Document("1 < 2 & 3", (table, blocks.Bullets(("a_b", "<i>"))))
    md, html = markdown.to_markdown(document), html_page.to_html(document)
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


def test_command_prints_the_two_files(run, quick_figures, capsys):
    assert cli.run(__main__.main, ["--workdir", str(run)]) == 0
    assert capsys.readouterr().out.split() == [str(run / "report.md"), str(run / "report.html")]
    assert cli.run(__main__.main, ["--help"]) == 0
    assert "--workdir DIR" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv, message",
    [
        (["--workdir", "nowhere"], "nowhere is no run folder: it does not exist"),
        ([], "which run folder?"),
        (["--workdri", "x"], "did you mean 'workdir'"),
    ],
)
def test_command_refuses_politely(argv, message, capsys):
    assert cli.run(__main__.main, argv) == 2
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


def test_settings_read_as_they_are_given():
    shown = [blocks.short(value) for value in (0.001, 20.0, "sgd", ["hflip", "crop"], [])]
    assert shown == ["0.001", "20", "sgd", "hflip,crop", "none"]
