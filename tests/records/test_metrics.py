"""Record files: what a Book holds, cut at a diverged step, merged over groups."""

import json

import numpy as np
import pytest

from jaxcifar.core.types import Book
from jaxcifar.records import formats, metrics, provenance
from jaxcifar.training.book import ROW_FIELDS


def book(m=2, n_step=4, n_row=2, written=1):
    rows = {name: np.full((m, n_row), np.nan) for name in ROW_FIELDS}
    for name in ROW_FIELDS:
        if not name.startswith("train_eval"):
            rows[name][:, :written] = np.arange(m)[:, None] + 2.0
    steps = {
        "loss": np.arange(m * n_step, dtype=np.float32).reshape(m, n_step),
        "correct": np.full((m, n_step), 4, np.int32),
        "lr": np.full((m, n_step), 0.1), "examples": np.ones((m, n_step), np.uint32),
    }  # fmt: skip
    zero = np.zeros(m)
    return Book(None, zero, zero, steps, rows, np.zeros(1))


def test_rows_are_those_written_and_leave_out_what_was_not_asked_for():
    rows = metrics.rows_of(["a", "b"], book())
    assert [row["member"] for row in rows] == ["a", "b"]
    assert rows[1]["step"] == 3 and isinstance(rows[1]["step"], int)
    assert "train_eval_loss" not in rows[0] and rows[0]["val_loss"] == 2.0
    bad = book()
    bad.rows["train_loss"][0, 0] = np.inf
    assert metrics.rows_of(["a", "b"], bad)[0]["train_loss"] is None


def test_steps_are_cut_at_the_last_taken_and_at_divergence():
    full = book()
    full.steps["loss"][1, 1] = np.nan
    sizes = np.array([8, 8, 8, 4])
    table = metrics.step_table(["a", "b"], full, sizes, taken=3)
    assert table["loss"].shape == (2, 3) and table["step"].tolist() == [0, 1, 2]
    assert table["accuracy"][0].tolist() == [0.5, 0.5, 0.5]
    assert np.isnan(table["accuracy"][1, 1:]).all() and np.isnan(table["loss"][1, 1:]).all()
    assert (table["lr"] == 0.1).all() and (table["examples"] == 1).all()
    last = metrics.step_table(["a", "b"], full, sizes, taken=4)
    assert last["accuracy"][0, 3] == 1.0, "the short batch has 4 images"
    assert json.loads(str(table["units"]))["loss"] == "nats"
    assert full.steps["loss"][1, 2] == 6.0, "the Book itself stays"


def test_groups_merge_in_the_study_s_order(tmp_path):
    paths = [tmp_path / "x", tmp_path / "y"]
    metrics.write_group(paths[0], ["c", "a"], book(), np.full(4, 8), taken=4)
    metrics.write_group(paths[1], ["b"], book(m=1, n_step=2), np.full(2, 8), taken=2)
    metrics.merge(tmp_path, ["a", "b", "c"], paths)
    assert [row["member"] for row in formats.read_lines(tmp_path / "metrics.jsonl")] == [
        "b",
        "c",
        "a",
    ]
    table = formats.read_table(tmp_path / "steps.npz")
    assert table["members"].tolist() == ["a", "b", "c"] and table["loss"].shape == (3, 4)
    assert np.isnan(table["loss"][1, 2:]).all() and table["examples"][1, 2:].tolist() == [0, 0]
    assert table["loss"][0].tolist() == [4, 5, 6, 7] and table["loss"][2].tolist() == [0, 1, 2, 3]


@pytest.mark.reliability("T11")
def test_no_pickles_in_the_files(tmp_path):
    metrics.write_group(tmp_path, ["a", "b"], book(), np.full(4, 8), taken=4)
    with np.load(tmp_path / "steps.npz", allow_pickle=False) as table:
        assert all(table[name].dtype != object for name in table)


def test_a_write_leaves_no_parts(tmp_path):
    formats.write_json(tmp_path / "a.json", {"x": 1})
    formats.write_json(tmp_path / "a.json", {"x": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert formats.read_json(tmp_path / "a.json") == {"x": 2}
    assert (
        formats.read_json(tmp_path / "b.json") is None and formats.read_lines(tmp_path / "c") == []
    )


def test_versions_are_those_installed():
    import jax

    environment = provenance.environment({"cores": 2}, "command")
    assert environment["versions"]["jax"] == jax.__version__ and environment["cores"] == 2
