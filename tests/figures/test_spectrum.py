"""Spectra drawn from records written here."""

import json

import matplotlib
import numpy as np
import pytest

from jaxcifar.core.errors import UserError
from jaxcifar.figures import spectrum
from jaxcifar.records import hessians
from jaxcifar.records.hessians import Hessian


def made(name="bn-0.001", which="best", mode="train", scale=1.0, **more):
    nodes = scale * np.array([[-3.0, 0.0, 2.0, 90.0], [-2.0, 0.0, 3.0, 89.0]])
    weights = np.array([[1e-3, 0.99, 8e-3, 1e-3]] * 2)
    about = {
        "name": name, "study": "bn", "data": "synthetic", "which": which, "split": "train",
        "mode": mode, "batch": 125, "examples": 2000, "batchnorm": name.startswith("bn"),
        "top": 2, "trace": 3, "density": 2, "steps": 4, "tolerance": 1e-3, "seed": 0,
    }  # fmt: skip
    found = Hessian(
        2000, about, scale * np.array([91.0, 60.0]), np.array([0.01, 0.3]),
        np.array([-3.5 * scale]), np.array([0.7]), np.array([9]), np.array([True]),
        scale * np.array([110.0, 120.0, 130.0]), nodes, weights,
    )  # fmt: skip
    return found._replace(**more)


def words(figure):
    return " ".join(t.get_text().replace("\n", " ") for t in figure.findobj(matplotlib.text.Text))


@pytest.mark.parametrize("mode, said", [
    ("train", "BatchNorm by the statistics of each batch of 125"),
    ("eval", "BatchNorm by its running statistics"),
])  # fmt: skip
@pytest.mark.parametrize("draw", [spectrum.spectrum, spectrum.along_training])
def test_every_caption_says_how_batch_norm_works_and_on_what(draw, mode, said):
    found = [made(mode=mode, which=f"step:{step}") for step in (10, 20)]
    text = words(draw(found))
    for part in (said, "Data: synthetic", "study bn", "2,000 images (train)", "seed 0"):
        assert part in text, part
    plain = words(draw([each._replace(about=each.about | {"batchnorm": False}) for each in found]))
    assert "BatchNorm" not in plain


def test_a_caption_tells_eigenvalues_trace_and_what_did_not_converge():
    cut = made("plain-0.001", converged=np.array([False]))
    text = words(spectrum.spectrum([made(), cut]))
    assert "bn-0.001 (best): largest eigenvalue 91 (residual 0.01), smallest seen -3.5" in text
    assert "trace 120 \u00b1 5.8 (s.e., n = 3)" in text
    assert "plain-0.001 (best): largest eigenvalue 91 (residual 0.01, not all within" in text


@pytest.mark.parametrize("width", [0.5, 2.0])
def test_the_density_integrates_to_all_eigenvalues_and_has_their_mean(width):
    at = np.linspace(-40, 140, 40_001)
    values = hessians.density(made(), at, width)
    step = at[1] - at[0]
    assert values.sum() * step == pytest.approx(1, rel=1e-6)
    mean = (made().weights * made().nodes).sum(axis=1).mean()
    assert (values * at).sum() * step == pytest.approx(mean, rel=1e-6)


def test_panels_share_axes_that_hold_every_eigenvalue():
    figure = spectrum.spectrum([made(), made("plain-0.001", scale=3.0)])
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in shown}) == 1
    low, high = shown[0].get_xlim()
    assert low < -10.5 and high > 273
    assert "bn-0.001, " not in words(figure), "weights are named where they differ"
    peak = max(shown[0].lines[0].get_ydata())
    width = spectrum.WIDTH * (273 + 10.5)
    assert peak == pytest.approx(2000 * 0.99 / (width * np.sqrt(2 * np.pi)), rel=0.05)


@pytest.mark.parametrize("found", [
    [made(eigenvalues=np.zeros(0), lowest=np.zeros(0))],
    [made(trace_samples=np.zeros(0))],
    [made(nodes=np.zeros((1, 3)), weights=np.full((1, 3), 1 / 3), eigenvalues=np.zeros(2))],
    [made(), made("plain-0.001", nodes=np.zeros((0, 0)), weights=np.zeros((0, 0)))],
    [made(f"bn-{i}") for i in range(10)],
], ids=["no eigenvalues", "no trace", "nothing but zeros", "one without", "many"])  # fmt: skip
def test_parts_that_are_missing_leave_the_rest(found):
    figure = spectrum.spectrum(found)
    figure.draw_without_rendering()
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == min(len([each for each in found if each.nodes.size]), spectrum.MOST)
    assert ("the first 9 of 10" in words(figure)) == (len(found) == 10)


def test_lines_along_training_are_the_numbers_of_the_records():
    found = [
        made(name, f"step:{step}", scale=scale * (1 + step))
        for name, scale in (("bn-1", 1.0), ("plain-1", 2.0))
        for step in (0, 10, 50)
    ]
    figure = spectrum.along_training([*found, made("bn-1", "best")])
    largest, trace = figure.axes
    for axes, of in ((largest, lambda f: f.eigenvalues[0]), (trace, lambda f: f.trace)):
        lines = [line for line in axes.lines if line.get_linestyle() != "None"]
        for line, rows in zip(lines, (found[:3], found[3:]), strict=True):
            assert list(line.get_xdata(orig=False)) == [0, 10, 50]
            assert list(line.get_ydata(orig=False)) == [of(each) for each in rows]


def write(workdir, *found):
    workdir.mkdir(exist_ok=True)
    rows = [{"id": name, "config": {}} for name in ("bn-0.001", "plain-0.001")]
    content = {"study": "bn", "members": rows, "data": {"label": "synthetic"}}
    (workdir / "config.json").write_text(json.dumps(content))
    for each in found:
        hessians.write(workdir / "landscape" / hessians.file_name(each), each, {"asked": 1})


def test_those_are_compared_of_whom_the_same_was_asked(tmp_path):
    steps = [made(name, f"step:{step}") for name in ("plain-0.001", "bn-0.001") for step in (10, 9)]
    write(tmp_path, *steps, made(mode="eval"), made(trace_samples=np.zeros(1)))
    groups = hessians.compared(tmp_path)
    assert [[(each.about["name"], each.about["which"]) for each in found]
            for found in sorted(groups.values(), key=len)] == [
        [("bn-0.001", "best")],
        [("bn-0.001", "step:9"), ("bn-0.001", "step:10"),
         ("plain-0.001", "step:9"), ("plain-0.001", "step:10")],
    ], "in the study's order and by step; one whose trace is not done yet is left out"  # fmt: skip


def test_all_figures_of_a_folder_are_drawn_and_the_same_bytes_again(tmp_path):
    write(tmp_path, made(which="step:9"), made(which="step:10"))
    (name,) = hessians.compared(tmp_path)
    first = {path: path.read_bytes() for path in spectrum.draw_all(tmp_path)}
    assert {path.name for path in first} == {
        f"{name}-{what}.{kind}" for what in ("spectrum", "training") for kind in ("png", "svg")
    }  # fmt: skip
    assert all(len(content) < 300_000 for content in first.values())
    assert {path: path.read_bytes() for path in spectrum.draw_all(tmp_path, [name])} == first
    assert spectrum.draw_all(tmp_path, ["hessian-0"]) == []


def test_a_damaged_record_is_named(tmp_path):
    write(tmp_path, made())
    (path,) = (tmp_path / "landscape").iterdir()
    path.write_bytes(b"PK")
    with pytest.raises(UserError, match=f"{path.name} cannot be read"):
        spectrum.draw_all(tmp_path)
