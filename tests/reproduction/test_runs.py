"""Run folders of one config: names, places of their figures."""

import dataclasses

import pytest
from made_published import make
from places import CONFIGS

from jaxcifar import cli
from jaxcifar.config import replace
from jaxcifar.reproduction import reference, reports


@pytest.fixture
def study():
    return cli.load_study(f"{CONFIGS}/r0_optimizer.py:published")


@pytest.fixture
def found(tmp_path, study):
    """The runs of folders, each of the study but for some fields; by folder."""

    def runs(**changes):
        for name, fields in changes.items():
            base = replace(study.base, fields)
            folder = tmp_path / "runs" / name.replace("__", "-")
            make(folder, dataclasses.replace(study, base=base), lambda *_: 0.8)
        rows = reports.find(tmp_path / "runs", {"r0_optimizer": study})
        return {trained.folder.name: trained for trained in rows["r0_optimizer"]}

    return runs


HALF = {"dtype": "bfloat16"}


def test_one_run_of_a_kind_has_a_short_name(found):
    rows = found(r0_optimizer__published__0a={}, r0_optimizer__published__1b=HALF)
    names = {name: (trained.name, trained.slug) for name, trained in rows.items()}
    assert names == {
        "r0_optimizer-published-0a": ("r0_optimizer:published", "r0_optimizer-published"),
        "r0_optimizer-published-1b": (
            "r0_optimizer:published (bfloat16)", "r0_optimizer-published-bfloat16"),
    }  # fmt: skip


def test_runs_of_one_name_are_told_apart_by_their_folders(found):
    longer = {"train.epochs": 60}
    rows = found(r0_optimizer__published__0a={}, r0_optimizer__published__1b=longer, mine=longer)
    assert {trained.slug for trained in rows.values()} == {
        "r0_optimizer-published-0a", "r0_optimizer-published-1b", "r0_optimizer-published-mine"
    }  # fmt: skip
    assert rows["mine"].name == "r0_optimizer:published (mine)"


@pytest.mark.slow
def test_no_figure_is_overwritten(found, tmp_path, monkeypatch):
    """Three runs of one variant: each has its figures, and the page shows all."""
    monkeypatch.setattr(reports.pictures, "chosen", lambda config: ("accuracy_curves",))
    rows = found(a={}, b={"train.epochs": 60}, c=HALF)
    out = tmp_path / "out"
    page, _ = reports.write(reference.load("r0"), {"r0_optimizer": [*rows.values()]}, out)
    drawn = sorted(str(path.relative_to(out)) for path in out.rglob("*.png"))
    assert len(drawn) == 3
    assert all(page.read_text().count(f"({place})") == 1 for place in drawn), drawn
