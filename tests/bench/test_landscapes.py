"""The bench of landscapes: its rows, how the page tells them, and what a GPU's session runs."""

import argparse
import shlex

import pytest
from test_performance_page import grown, pages  # noqa: F401  # a fixture

from jaxcifar.bench import costs, gpu_session, landscapes


def row(kind, seconds, beside=None):
    return grown("landscape", kind=kind, what=f"a {kind}", seconds=seconds, beside=beside,
                 dtype="float32")  # fmt: skip


def test_seconds_stand_beside_their_goals(pages):  # noqa: F811
    pages.add_costs([row("surface", 200.04), row("eigenvalue", 61.5),
                     row("sizes", 1.2, 2.4), row("probes", 1.2, 6.0)])  # fmt: skip
    page = pages.PAGE.read_text()
    assert "| `cnn:` | a surface | float32 | 200.04 | – | – | 240 s |" in page
    assert "| `cnn:` | a eigenvalue | float32 | 61.50 | – | – | 60 s |" in page
    assert "| `cnn:` | a sizes | float32 | 1.20 | 2.40 | 0.50 | 0.70 |" in page
    assert "| `cnn:` | a probes | float32 | 1.20 | 6.00 | 0.20 | 0.25 |" in page


@pytest.mark.parametrize("part", gpu_session.PARTS)
def test_parts_of_a_session_are_commands_that_are_there(part, tmp_path, monkeypatch):
    """Of the benches of costs, flags and tables too: they are parsed as there."""
    script, *words = gpu_session.command(part, tmp_path)
    assert (gpu_session.CHECKOUT / script).is_file()
    if script == "scripts/bench_costs.py":
        asked = []
        monkeypatch.setattr(costs, "TABLES", {
            name: lambda args: asked.append(args) or [] for name in costs.TABLES})  # fmt: skip
        monkeypatch.setattr(costs.performance_page, "add_costs", lambda rows: None)
        assert costs.main(words) == 0 and asked, shlex.join(words)


@pytest.mark.slow
def test_all_of_it_is_measured_by_one_call():
    """At a small size, in the process that a bench starts: trained, looked at and probed."""
    args = argparse.Namespace(
        network="vgg_a_light:", resolution=3, subset=20, batch=None, dtype="float32", rounds=1,
        seconds=1.0,
    )  # fmt: skip
    found = {each["kind"]: each for each in landscapes.rows(args)}
    assert found.keys() == landscapes.GOALS.keys()
    assert all(each["seconds"] > 0 for each in found.values())
    assert found["sizes"]["seconds"] == found["probes"]["seconds"]
    assert "3 x 3 points, 20 images" in found["surface"]["what"]
