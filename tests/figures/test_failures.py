"""A figure that fails fails no run: it is named, the others are drawn, the exit status says so."""

import os
import subprocess
import sys

import pytest
from made_records import write_run
from places import ROOT

from jaxcifar import figures, report
from jaxcifar.cli import run as run_command
from jaxcifar.report import __main__ as report_command

ROWS = ("loss_band_steps", "loss_curves", "learning_rates")


def fail(*_):
    raise ZeroDivisionError("no\nnumber")


def unsavable(records):
    figure = figures.FIGURES["learning_rates"].draw(records)
    figure.text(0, 0, "x").set_fontfamily(7)
    return figure


@pytest.fixture
def run(tmp_path, monkeypatch):
    rows = {name: figures.FIGURES[name] for name in ROWS}
    monkeypatch.setattr(figures, "FIGURES", rows)
    return write_run(tmp_path)


def spoil(monkeypatch, **draws):
    rows = {name: row._replace(draw=draws.get(name, row.draw))
            for name, row in figures.FIGURES.items()}  # fmt: skip
    monkeypatch.setattr(figures, "FIGURES", rows)


@pytest.mark.parametrize("bad", [fail, unsavable])
@pytest.mark.parametrize("name", ROWS)
def test_the_others_are_drawn_and_it_is_named(run, monkeypatch, name, bad):
    (run / "figures").mkdir()
    (run / "figures" / f"{name}.png").write_bytes(b"of older records")
    spoil(monkeypatch, **{name: bad if name != "learning_rates" else fail})
    with pytest.raises(figures.UndrawnError) as caught:
        figures.draw_all(run)
    assert list(caught.value.failed) == [name]
    assert str(caught.value).startswith(f"not drawn: {name} (")
    assert len(str(caught.value).splitlines()) == 2
    there = {f"{other}{suffix}" for other in ROWS if other != name for suffix in (".png", ".svg")}
    assert {path.name for path in (run / "figures").iterdir()} == there
    assert {path.name for path in caught.value.files} == there


def test_a_check_that_fails_is_a_figure_that_fails(run, monkeypatch):
    rows = figures.INSIDE["confusion_matrix"]._replace(there=fail)
    monkeypatch.setattr(figures, "INSIDE", {"confusion_matrix": rows})
    with pytest.raises(figures.UndrawnError, match="not drawn: confusion_matrix"):
        figures.draw_all(run)


def test_a_full_disk_is_no_fault_of_a_figure(run, monkeypatch):
    def full(figure, stem):
        raise OSError(28, "No space left on device", str(stem))

    monkeypatch.setattr(figures, "save", full)
    with pytest.raises(OSError, match="No space left"):
        figures.draw_all(run)


def test_the_report_is_written_without_it_and_the_status_says_so(run, monkeypatch, capsys):
    finish = pytest.importorskip("made_report").finish
    finish(run)
    spoil(monkeypatch, loss_curves=fail)
    assert run_command(report_command.main, ["--workdir", str(run)]) == 1
    said = capsys.readouterr().err
    assert said == ("error: not drawn: loss_curves (ZeroDivisionError: no number)\n"
                    "all else is there\n")  # fmt: skip
    text = (run / "report.md").read_text()
    assert "learning_rates" in text and "loss_curves" not in text
    with pytest.raises(figures.UndrawnError):
        report.write(run)


BACKENDS = ("module://matplotlib_inline.backend_inline", "module://nowhere.backend", "nonsense",
            "TkAgg", "")  # fmt: skip
MODULES = ("figures", "data.contact_sheet", "reproduction.batchnorm.pictures", "report")


@pytest.mark.parametrize("backend", BACKENDS)
def test_figures_need_no_backend_of_a_screen(tmp_path, backend):
    """Each door in a process of its own would take long: the first one matters for all."""
    write_run(tmp_path, rates=(1e-3,), norms=("batch",), epochs=1)
    code = (
        "import os; from jaxcifar import figures; from jaxcifar.figures import style;"
        f"run = figures.read_run({str(tmp_path)!r});"
        "style.save(figures.FIGURES['loss_curves'].draw(run), run_to := __import__('pathlib')"
        f".Path({str(tmp_path / 'drawn')!r}));"
        f"assert os.environ['MPLBACKEND'] == {backend!r}"
    )
    environ = os.environ | {"MPLBACKEND": backend}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env=environ, cwd=ROOT)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "drawn.png").stat().st_size > 5000


@pytest.mark.parametrize("module", MODULES)
def test_every_module_that_draws_can_be_imported(module):
    environ = os.environ | {"MPLBACKEND": "nonsense"}
    done = subprocess.run([sys.executable, "-c", f"import jaxcifar.{module}"],
                          capture_output=True, text=True, env=environ, cwd=ROOT)  # fmt: skip
    assert done.returncode == 0, done.stderr
