"""Where progress is told: one line that changes in a notebook, standard error elsewhere."""

import sys
import types

import pytest
from tqdm import tqdm

from jaxcifar.core import console
from jaxcifar.landscape.progress import watched


class Cell:
    """A notebook's cell: what it shows, line by line, and how often it was told to."""

    def __init__(self):
        self.lines, self.told = [], 0

    def display(self, content, *, raw, display_id):
        assert raw and display_id
        self.lines.append(content["text/plain"])
        place = len(self.lines) - 1

        def update(content, *, raw):
            self.told += 1
            self.lines[place] = content["text/plain"]

        return types.SimpleNamespace(update=update)


@pytest.fixture
def cell(monkeypatch):
    """IPython as a kernel has it."""
    found = Cell()
    shell = types.SimpleNamespace(kernel=object())
    top = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", top)
    inner = types.SimpleNamespace(display=found.display)
    monkeypatch.setitem(sys.modules, "IPython.display", inner)
    return found


def test_a_bar_is_one_line_of_a_cell(cell):
    for _ in tqdm(range(50), desc="steps", file=console.live(), mininterval=0):
        pass
    assert len(cell.lines) == 1 and cell.told > 20
    assert cell.lines[0].startswith("steps: 100%") and "50/50" in cell.lines[0]


def test_an_analysis_tells_its_progress_there(cell, capsys):
    assert list(watched(range(3), 3, "points")) == [0, 1, 2]
    assert len(cell.lines) == 1 and "3/3" in cell.lines[0]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "shell", [None, types.SimpleNamespace(), types.SimpleNamespace(kernel=None)],
    ids=["no shell", "terminal", "no kernel"],
)  # fmt: skip
def test_elsewhere_it_is_standard_error(monkeypatch, shell):
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert console.live() is sys.stderr
    monkeypatch.delitem(sys.modules, "IPython")
    assert console.live() is sys.stderr
