"""Published values of all kinds: what their digits leave open, what a difference is from."""

import pytest
from made_published import make
from places import CONFIGS

from jaxcifar import cli
from jaxcifar.reproduction import reference, reports
from jaxcifar.reproduction.reports import lines, page, tables
from jaxcifar.reproduction.reports.claims import CLAIMS

FCNN = next(t for t in reference.load("r2")["tables"] if t["config"] == "r2_fcnn")
SPREAD = (-2e-4, 0.0, 2e-4)  # its prediction interval is 0.001 to either side of the mean


def found(folder, best, config="r2_fcnn"):
    """A run of which the best member reaches an accuracy."""
    study = cli.load_study(f"{CONFIGS}/{config}.py:asrun")
    make(folder / "a", study, lambda member, seed: best + SPREAD[seed])
    return reports.find(folder, {config: study})


@pytest.mark.parametrize(
    "best, verdict",
    [(0.5368, "reproduced"), (0.5432, "reproduced"), (0.5335, "contradicted"),
     (0.5465, "contradicted")],
)  # fmt: skip
def test_a_peak_is_known_to_half_its_last_digit(tmp_path, best, verdict):
    runs = found(tmp_path, best)
    rows = tables.beside(FCNN, runs["r2_fcnn"][0]).rows
    (peak,) = (row for row in rows if row[0] == "all rows" and row[3] == "54.00")
    assert peak[-1] == verdict and peak[6] == f"{100 * (best - 0.54):.2f}"
    judged = page.verdicts(CLAIMS["R2"], runs).rows
    (claim,) = (row for row in judged if row[0].startswith("The FCNN reaches"))
    assert claim[-1] == verdict and claim[3] == "54.00"


def test_every_printed_peak_has_that_slack_and_readings_a_point():
    for table in reference.load("r2")["tables"]:
        for line in lines.lines(table):
            if line.name == "all rows":
                assert line.value.slack == 0.005 and not line.value.read
            elif line.value:
                assert line.value.slack == (0.01 if line.value.read else 0.0)
    assert {claim.slack for claim in CLAIMS["R2"] if "about" in claim.text} == {0.005}
    assert {claim.slack for claim in CLAIMS["R0"]} == {0.0}


def test_a_difference_is_from_the_value_itself(tmp_path):
    """Of a reading of .33 and a range of .72 to .74, whatever their slack."""
    rows = {row[0]: row for row in tables.beside(FCNN, found(tmp_path, 0.336)["r2_fcnn"][0]).rows}
    assert rows["R2-fcnn-sgd-5e-3"][3] == "~33.00" and rows["R2-fcnn-sgd-5e-3"][6] == "0.60"
    assert lines.read_off(0.72, 0.74).middle == pytest.approx(0.73)
    assert lines.read_off(0.72, 0.74).nearest(0.5) == pytest.approx(0.71)


def test_the_page_says_what_digits_leave_open(tmp_path):
    texts = [
        b.text for b in page._table(FCNN, found(tmp_path, 0.5)["r2_fcnn"]) if hasattr(b, "kind")
    ]
    assert page.READ_OFF in texts and page.PRINTED in texts
    exact = next(t for t in reference.load("r3")["tables"])
    runs = found(tmp_path / "b", 0.5, "r3_grid")["r3_grid"]
    texts = [b.text for b in page._table(exact, runs) if hasattr(b, "kind")]
    assert page.READ_OFF not in texts and page.PRINTED not in texts
