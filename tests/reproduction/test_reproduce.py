"""scripts/reproduce.py: one page of all runs of the BatchNorm study, and pages that fail alone."""

import json

import pytest
from made_bn import make as make_bn
from made_published import make
from places import ROOT

from jaxcifar import cli
from jaxcifar.reproduction import batchnorm, reports

HASH = {"r0": "0a0a0a0a", "r1": "1b1b1b1b"}


@pytest.fixture
def script(monkeypatch):
    from jaxcifar.reproduction.reports import command

    monkeypatch.setattr(batchnorm.pictures, "draw", lambda *_: [])
    monkeypatch.setattr(reports.pictures, "draw", lambda *_: [])
    return command


@pytest.fixture
def words(tmp_path):
    """Both BatchNorm runs are there; the command line that draws from them."""
    for variant, report in (("r0", "R0"), ("r1", "R1")):
        make_bn(tmp_path / "runs" / f"bn-{variant}-{HASH[variant]}", variant, report)
    return ["--draw-only", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]


@pytest.mark.parametrize("names", [["R0", "R1"], ["R1", "R0"], ["R0"]])
def test_the_page_of_the_batchnorm_study_has_the_runs_of_both_reports(
    script, words, tmp_path, names
):
    assert script.main([*words, "--reports", *names]) == 0
    page = (tmp_path / "out" / "bn.md").read_text()
    assert "bn:r0: what was run" in page and "bn:r1: what was run" in page


def test_no_page_of_the_batchnorm_study_without_its_reports(script, words, tmp_path):
    assert script.main([*words, "--reports", "R4"]) == 0
    assert not (tmp_path / "out" / "bn.md").exists() and (tmp_path / "out" / "r4.md").exists()


def test_records_of_all_runs_are_kept(script, words, tmp_path):
    study = cli.load_study(f"{ROOT}/configs/r4_ablation.py:asrun")
    make(tmp_path / "runs" / "r4", study, lambda member, seed: 0.7 + 0.01 * seed)
    kept = tmp_path / "kept"
    assert script.main([*words, "--reports", "R4", "R0", "--records", str(kept)]) == 0
    names = {path.name for path in kept.iterdir()}
    assert names == {"r4", *(f"bn-{variant}-{tail}" for variant, tail in HASH.items())}
    assert (kept / "bn-r1-1b1b1b1b" / "steps.npz").exists()


def test_a_page_that_cannot_be_written_is_told_and_the_others_are(script, words, tmp_path, capsys):
    make_bn(tmp_path / "runs" / "bn-r1-2c2c2c2c", "r1", "R1")
    assert script.main([*words, "--reports", "R0", "R1", "R4"]) == 2
    assert "error: bn: two runs are called bn:r1" in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "out").glob("*.md")} == {"r0.md", "r1.md", "r4.md"}


def test_a_damaged_run_stops_no_other_page(script, words, tmp_path, capsys):
    (tmp_path / "runs" / "odd").mkdir()
    (tmp_path / "runs" / "odd" / "steps.npz").write_text("no table")
    (tmp_path / "runs" / "odd" / "metrics.jsonl").write_text("")
    assert script.main([*words, "--reports", "R0", "R4"]) == 2
    said = capsys.readouterr().err
    assert "error: R0: " in said and "error: R4: " in said
    assert (tmp_path / "out" / "bn.md").exists()


def test_the_batchnorm_study_has_three_seeds_here_too(script, tmp_path):
    def seeds(*words):
        found = script.jobs(script.parse(["--reports", "R0", "R1", *words]))
        return [job.study.seeds for job in found if job.study.name == "bn"]

    assert seeds() == [3, 3] and seeds("--seeds", "5") == [5, 5]
    assert seeds("--variant", "quick") == [] and seeds("--configs", "r0_loss") == []


def test_a_config_that_cannot_be_trained_is_told(script, words, tmp_path, monkeypatch, capsys):
    trained = []

    def train(job):
        trained.append(job.study.name)
        if job.study.name == "r3_grid":
            raise script.UserError("no such images")

    monkeypatch.setattr(script, "train", train)
    assert script.main([*words[1:], "--reports", "R3", "R4"]) == 2
    assert trained == ["r3_grid", "r4_ablation"]
    assert "error: r3_grid-asrun-" in (said := capsys.readouterr().err) and "no such" in said


def test_a_page_names_no_place(script, words, tmp_path):
    script.main([*words, "--reports", "R0", "--records", str(tmp_path / "kept")])
    config = json.loads((tmp_path / "kept" / "bn-r0-0a0a0a0a" / "config.json").read_text())
    assert config["data"]["source"] == "CIFAR-10 (JPEG)"
    assert str(tmp_path) not in (tmp_path / "out" / "bn.md").read_text()
