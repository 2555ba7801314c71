"""Records with gaps: figures show what there is, with the gap in it, and none fails."""

import json

import numpy as np
import pytest
from made_records import write_run

from jaxcifar import figures
from jaxcifar.figures import landscape
from jaxcifar.records import formats

FIRST = "bn-0.001"


def lines(folder, keep):
    path = folder / "metrics.jsonl"
    rows = [row for row in map(json.loads, path.read_text().splitlines()) if keep(row)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def steps(folder, change):
    table = formats.read_table(folder / "steps.npz")
    formats.write_table(folder / "steps.npz", change(table))


def without_first(table):
    rows = len(table["members"])
    return {name: values[1:] if values.shape[:1] == (rows,) and name != "step" else values
            for name, values in table.items()}  # fmt: skip


def not_recorded(table):
    table["loss"][0, 10:15] = np.nan
    return table


GAPS = {
    "an evaluation of one member": lambda folder: lines(
        folder, lambda row: (row["member"], row["epoch"]) != (FIRST, 2)
    ),
    "the end of one member": lambda folder: lines(
        folder, lambda row: row["member"] != FIRST or row["epoch"] <= 2
    ),
    "all evaluations": lambda folder: (folder / "metrics.jsonl").write_text(""),
    "steps of one member": lambda folder: steps(folder, not_recorded),
    "one member's steps": lambda folder: steps(folder, without_first),
    "scores": lambda folder: lines(folder, lambda row: row.update(val_loss=None) or True),
}


@pytest.mark.reliability("T17")
@pytest.mark.parametrize("gap", GAPS)
def test_every_figure_of_records_with_a_gap_is_drawn(tmp_path, gap):
    whole = write_run(tmp_path, norms=("batch",))
    names = set(dict(figures.drawings(whole)))
    GAPS[gap](whole)
    drawn = dict(figures.drawings(whole))
    assert set(drawn) <= names and {"loss_band_steps", "learning_rates"} <= set(drawn)
    for figure in drawn.values():
        figure.draw_without_rendering()
    if gap == "steps of one member":
        band = landscape.series_band(figures.read_run(whole), "VGG-A")
        assert (band.runs[9], band.runs[12]) == (4, 3), "the band is of those that are there"
