"""What was measured around a study's trained weights stands on its page, by hand."""

import numpy as np
import pytest
from made_studies import BN, load, make_study

from jaxcifar.records import hessians, landscapes
from jaxcifar.records.hessians import Hessian
from jaxcifar.records.landscapes import Landscape
from jaxcifar.report.blocks import Table
from jaxcifar.reproduction import batchnorm, session
from jaxcifar.reproduction.batchnorm import around

ABOUT = {
    "study": "bn_probe", "data": "CIFAR-10 (JPEG)", "batchnorm": True, "split": "train",
    "mode": "eval", "batch": 8, "examples": 16, "network": "vgg_a", "which": "last",
}  # fmt: skip


def bowl(name, steepness, hole=False):
    """1 + steepness * (a^2 + b^2) on a plane of 5 x 5; a corner may be missing."""
    axis = np.linspace(-1, 1, 5)
    loss = 1 + steepness * (axis[:, None] ** 2 + axis**2)
    loss[0, 0] = np.nan if hole else loss[0, 0]
    about = {**ABOUT, "name": name, "seed": 0, "normalise": "filter"}
    return Landscape("surface", axis, axis, loss, None, about)


def curvature(name, top):
    about = {**ABOUT, "name": name, "top": 2, "trace": 2, "density": 1, "seed": 0}
    return Hessian(
        100, about, np.array([top, top / 2]), np.zeros(2), np.array([-1.0]), np.zeros(1),
        np.array([5]), np.ones(1, bool), np.array([20.0, 30.0]), np.array([[-1.0, 1, top]]),
        np.array([[0.1, 0.8, 0.1]]),
    )  # fmt: skip


def measured(folder):
    """A finished run of probes, with slices and curvature of both its networks."""
    run = make_study(folder, "bn_probe", "small", seeds=1)
    for each in (bowl("bn", 1.0), bowl("plain", 4.0, hole=True)):
        path = run / landscapes.FOLDER / landscapes.file_name(each)
        landscapes.write(path, each, {}, np.ones(each.loss.shape, bool))
    for each in (curvature("bn", 8.0), curvature("plain", 40.0)):
        hessians.write(run / landscapes.FOLDER / hessians.file_name(each), each, {})
    return run


def test_tables_by_hand(tmp_path):
    """Near: of 25 points those with a^2 + b^2 <= 1, and <= 1/4."""
    surfaces, curved = (
        block
        for block in around.section(around.read(measured(tmp_path / "run")))
        if isinstance(block, Table)
    )
    assert surfaces.rows == (
        ("bn", "1.000", "1.000", "3", "52.0", "0"),
        ("plain", "1.000", "1.000", "9", "20.0", "1"),
    )
    assert curved.rows == (
        ("bn, last", "8", "4", "-1", "25 ± 5", "100"),
        ("plain, last", "40", "20", "-1", "25 ± 5", "100"),
    )


@pytest.mark.slow  # draws all figures of a page
def test_the_page_shows_them_from_kept_records_alone(tmp_path):
    kept = tmp_path / "records" / "run"
    session.copy_records(measured(tmp_path / "run"), kept)
    page = batchnorm.write([kept], tmp_path / "out").read_text()
    for words in ("Around the trained weights", "Near (% of the plane)", "Curvature there"):
        assert words in page
    drawn = {path.name.rpartition("-")[2] for path in (tmp_path / "out" / "bn").glob("*.png")}
    assert {"filled.png", "3d.png", "spectrum.png"} <= drawn and "contour.png" not in drawn


def test_a_run_without_has_no_such_section(tmp_path):
    study = load(make_study(tmp_path / "run", "bn_probe", "small", seeds=1))
    assert study.around == around.Around() and around.section(study.around) == []
    assert BN["landscape"]  # what the study follows is on record
