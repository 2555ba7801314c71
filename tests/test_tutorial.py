"""The tutorial's notebook: its cells at a tiny size, and as it stands from a clean kernel."""

import json
import os
import re

import matplotlib.pyplot as plt
import pytest
from places import ROOT

NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
CELLS = ["".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text())["cells"]
         if cell["cell_type"] == "code"]  # fmt: skip
TINY = """
SIZE = {"model.filters": (4, 4, 4), "data.n_train": 36, "data.n_test": 16, "train.epochs": 1,
        "train.batch_size": 16, "eval.batch_size": 16}
POINTS, IMAGES = 3, 16
"""
LONGEST = 900  # seconds that a cell may take on a busy machine


def test_the_sizes_stand_in_one_cell():
    (cell,) = (cell for cell in CELLS if cell.startswith("SIZE = "))
    assert re.findall(r"^([A-Z, ]+) = ", cell, re.MULTILINE) == ["SIZE", "POINTS, IMAGES"]


def test_its_cells_run_at_a_tiny_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict = {"__name__": "tutorial"}
    for cell in CELLS:
        code = TINY if cell.startswith("SIZE = ") else cell
        exec(compile(code, NOTEBOOK.name, "exec"), namespace)  # noqa: S102
    plt.close("all")
    assert namespace["results"].steps["loss"].shape == (4, 2)
    assert namespace["probabilities"].shape == (16, 10)
    assert len(namespace["slices"]) == 2 and namespace["curved"].eigenvalues.shape == (1,)


def outputs(notebook):
    return [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]


def test_what_it_shows_is_of_no_machine():
    """Kept outputs: all cells ran in order, nothing failed, and no place of a disk is told."""
    notebook = json.loads(NOTEBOOK.read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    said = json.dumps([cell["outputs"] for cell in cells])
    assert "Error" not in said and not re.search(r"[ '\"\\(]/\w[\w.-]*/", said)


@pytest.mark.slow
def test_it_runs_from_a_clean_kernel(tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="no notebooks: pip install '.[docs]'")
    nbclient = pytest.importorskip("nbclient", reason="no notebooks: pip install '.[docs]'")
    pytest.importorskip("ipykernel", reason="no kernel: pip install '.[docs]'")
    notebook = nbformat.read(NOTEBOOK, 4)
    env = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    place = {"metadata": {"path": str(tmp_path)}}
    client = nbclient.NotebookClient(notebook, timeout=LONGEST, resources=place)
    client.execute(env=env | {"PYTHONPATH": str(ROOT)})
    found = outputs(notebook)
    assert not [out for out in found if out.output_type == "error"]
    html = [out.data["text/html"] for out in found if "text/html" in out.get("data", {})]
    assert "<table>" in html[0] and html[1].count("data:image/png;base64,") == 2
    lines = [out.data["text/plain"] for out in found if out.output_type == "display_data"]
    assert [line for line in lines if "100%" in line and "132/132" in line] == lines[:2]
    assert len(found) < 25, "progress is a line, not thousands"
