"""Figures of loss surfaces: one scale for all, holes that are told, pages that need no network."""

import re
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import LogNorm
from places import ROOT

from jaxcifar.figures import landscapes as drawn
from jaxcifar.figures import style, surface_page, surfaces
from jaxcifar.records import landscapes
from jaxcifar.records.landscapes import Landscape

ABOUT = {
    "name": "bn", "study": "s", "data": "synthetic", "which": "best", "split": "train",
    "mode": "eval", "batch": 250, "examples": 2000, "batchnorm": True, "normalise": "filter",
    "seed": 0, "cosine": 0.0004,
}  # fmt: skip
AXIS = np.linspace(-1, 1, 9)
PATH = np.stack([np.linspace(0.8, 0, 5), np.linspace(0, 0.5, 5) * np.linspace(1, 0, 5)], 1)


def plane(name="bn", height=1.0, holes=0, **more):
    a, b = np.meshgrid(AXIS, AXIS, indexing="ij")
    loss = 0.5 + height * (a**2 + 0.3 * b**2)
    loss[:holes, 0] = np.nan
    made = Landscape("surface", AXIS, AXIS, loss, np.exp(-loss), ABOUT | {"name": name})
    return made._replace(**more)


def line(name="bn", height=1.0, **about):
    loss = 0.5 + height * AXIS**2
    return Landscape("line", AXIS, None, loss, np.exp(-loss), ABOUT | {"name": name} | about)


def trajectory():
    return plane(kind="trajectory", path=PATH, steps=np.arange(5), explained=np.array([0.8, 0.1]))


def words(figure):
    figure.draw_without_rendering()
    texts = figure.findobj(matplotlib.text.Text)
    return " ".join(" ".join(text.get_text() for text in texts).split())


SETS = {
    "one": [plane()],
    "two": [plane(), plane("plain", 100, holes=3)],
    "five": [plane(f"member {at}", 10.0**at) for at in range(5)],
    "a long name": [plane("a-name-" * 12), plane("x")],
    "a trajectory": [trajectory()],
    "all blank": [plane(loss=np.full((9, 9), np.nan))],
    "blank beside whole": [plane(loss=np.full((9, 9), np.nan)), plane("plain")],
    "constant": [plane(height=0.0)],
    "all zero": [plane(loss=np.zeros((9, 9)))],
    "negative": [plane(loss=plane().loss - 3)],
    "huge": [plane(loss=plane().loss * 1e30)],
    "one finite point": [plane(loss=np.where(np.eye(9) * AXIS == 0.5, 1.0, np.nan))],
    "not counted": [plane(accuracy=None, about={"name": "mine", "examples": 4})],
}


@pytest.mark.parametrize("kind", surfaces.PLANES)
@pytest.mark.parametrize("found", SETS.values(), ids=SETS)
def test_planes_of_all_sorts_are_drawn(kind, found):
    said = words(surfaces.PLANES[kind](found))
    assert "loss (nats)" in said
    for each in found:
        if len(each.about["name"]) < 20:
            assert each.about["name"] in said


@pytest.mark.parametrize("found", [
    [line()], [line(), line("plain", 100)], [line()._replace(accuracy=None)],
    [line(to="plain (best)")._replace(kind="interpolation")],
    [line()._replace(loss=np.full(9, np.nan))],
])  # fmt: skip
def test_lines_of_all_sorts_are_drawn(found):
    assert "loss (nats)" in words(surfaces.curves(found))


def test_panels_share_one_scale_logarithmic_over_decades():
    wide = surfaces.Scale([plane(), plane("plain", 100)])
    assert wide.log and isinstance(wide.norm, LogNorm)
    assert (wide.low, wide.high) == (0.5, pytest.approx(130.5))
    assert not surfaces.Scale([plane()]).log
    assert not surfaces.Scale([plane(loss=plane("x", 100).loss - 1)]).log, "0 has no logarithm"
    figure = surfaces.filled([plane(), plane("plain", 100)])
    norms = {(c.norm.vmin, c.norm.vmax) for axes in figure.axes[:2] for c in axes.collections
             if c.get_array() is not None and len(c.get_array()) > 2 and c.norm is not None
             and isinstance(c.norm, LogNorm)}  # fmt: skip
    assert norms == {(wide.low, wide.high)}


@pytest.mark.parametrize("low, high, marks", [
    (0.5, 130, [0.5, 1, 2, 5, 10, 20, 50, 100]), (1.4, 31, [2, 5, 10, 20]), (1, 2, None),
    (0.11, 0.45 * 20, [0.2, 0.5, 1, 2, 5]), (1, 1e30, None), (3, 70, [5, 10, 20, 50]),
])  # fmt: skip
def test_heights_are_marked_by_few_round_losses(low, high, marks):
    scale = surfaces.Scale([line()._replace(loss=np.array([low, high]))])
    found = scale.heights()
    assert 1 < len(found) <= 6 and low <= min(found) and max(found) <= high
    if marks and len(marks) <= 6:
        np.testing.assert_allclose(found, marks)


def test_captions_tell_what_is_shown():
    said = words(surfaces.filled([plane(), plane("plain", 100, holes=3)]))
    for part in (
        "Data: synthetic, study s, weights: best, 2,000 images (train).",
        "BatchNorm by its running statistics.", "seed 0, normalisation: filter",
        "Cosine of the two: 0.0004", "plain: not finite and left blank at 3 points of 81",
    ):  # fmt: skip
        assert part in said
    assert "bn: not finite" not in said
    other = plane("other", about=ABOUT | {"name": "other", "split": "test"})
    said = words(surfaces.filled([plane(), other]))
    assert "bn: Data:" in said and "other: Data:" in said, "what differs is told of each"
    train = plane(about=ABOUT | {"mode": "train"})
    assert "by the statistics of each batch of 250" in words(surfaces.contour([train]))
    plain = plane(about=ABOUT | {"batchnorm": False})
    assert "BatchNorm" not in words(surfaces.contour([plain]))
    for draw, marked in ((surfaces.filled, True), (surfaces.three_d, False)):
        said = words(draw([trajectory()])) + words(draw([plane()]))
        assert ("star: the weights" in said) is marked and ("Cross: the weights" in said) is marked
        assert "Axes in units of distance" in said
    assert "80 % of the variance" in words(surfaces.filled([trajectory()]))


@pytest.mark.parametrize("kind", [
    "contour", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("filled", "3d")),
])  # fmt: skip
def test_the_same_records_give_the_same_bytes(tmp_path, kind):
    found = [plane(), plane("plain", 100, holes=3)]
    one, two = (
        [path.read_bytes() for path in style.save(surfaces.PLANES[kind](found), tmp_path / str(at))]
        for at in range(2)
    )
    assert one == two
    pages = [surface_page.save(found, tmp_path / f"{at}.html").read_bytes() for at in range(2)]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("found", [*SETS.values(), [line(), line("plain", 100)]],
                         ids=[*SETS, "lines"])  # fmt: skip
def test_a_page_needs_no_network(found, tmp_path):
    text = surface_page.save(found, tmp_path / "page.html").read_text()
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=", text)
    assert not re.search(r"@import|import\(", text.rpartition("</script>")[0][-3000:])
    assert "Plotly.newPlot" in text and "NaN" not in text.rpartition("Plotly.newPlot")[2]
    for each in found:
        assert each.about["name"] in text
    before, _, plot = text.partition('<div class="wide">')
    (said,) = re.findall(r"<p>(.+)</p>", before)  # above the plot, where text wraps
    assert said not in plot and "viewport" in before
    if found[0].b is not None and len(found) > 1:  # heights are compared: one range for all
        ranges = re.findall(r'"range":(\[[^\]]*\])', plot.rpartition("Plotly.newPlot")[2])
        assert len(ranges) == len(found) and len(set(ranges)) == 1


def record(folder, found, done=True):
    landscapes.write(folder / landscapes.FOLDER / landscapes.file_name(found), found, {},
                     np.full(found.loss.shape, done))  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    members = [{"id": name, "config": {}} for name in ("plain", "bn")]
    text = f'{{"study": "s", "members": {members}, "data": {{}}}}'.replace("'", '"')
    (tmp_path / "config.json").write_text(text)
    return tmp_path


def test_all_figures_are_redrawn_from_records_alone(folder, monkeypatch):
    monkeypatch.setattr(surfaces, "PLANES", {"contour": surfaces.contour})
    for found in (plane(), plane("plain"), line("bn"), line("bn", seed=1)):
        record(folder, found)
    record(folder, plane("bn", about=ABOUT | {"seed": 2}), done=False)
    groups = landscapes.compared(folder)
    assert sorted(map(len, groups.values())) == [1, 1, 2]
    (both,) = (found for found in groups.values() if len(found) == 2)
    assert [each.about["name"] for each in both] == ["plain", "bn"], "in the study's order"
    files = drawn.draw_all(folder)
    assert len(files) == len(set(files)) == 2 * 3 + 3 and all(path.is_file() for path in files)
    monkeypatch.setattr(surface_page, "there", lambda: False)
    assert not any(path.suffix == ".html" for path in drawn.draw_all(folder))


def test_a_record_comes_back_as_it_was_written(folder):
    found = trajectory()
    record(folder, found)
    (groups,) = landscapes.compared(folder).values()
    for name, value in found._asdict().items():
        np.testing.assert_array_equal(getattr(groups[0], name), value, err_msg=name)


def test_drawing_needs_no_jax(folder):
    record(folder, plane())
    code = (
        "import sys; from jaxcifar.figures import landscapes\n"
        f"assert landscapes.draw_all({str(folder)!r})\n"
        "assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
