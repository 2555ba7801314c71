"""Names are a user's: whatever they hold is drawn as it is, and ends no figure."""

import json
import xml.etree.ElementTree as ET

import made_inside
import made_records
import matplotlib
import pytest

from jaxcifar import figures
from jaxcifar.figures import style
from jaxcifar.figures.text import printable

NAMES = {
    "dollar": "a$b", "dollars": "lr=$\\alpha$", "broken mathtext": "$\\frac{$",
    "tex": "\\textbf{x}_1^2", "underscore": "_hidden", "percent": "50%",
    "braces": "{0}{name}", "markup": "<b>&amp;--></b>",
    "chinese": "学習率", "emoji": "\U0001f600", "control": "a\x00\x07b", "lines": "a\nb\tc\r",
    "surrogate": "\udcff", "private": "\ue000", "right to left": "\u202eabc", "accents": "e\u0301é",
    "space": " ", "long": "x" * 120,
}  # fmt: skip


def rename(folder, names):
    """A run whose rows have these names, in the order of its members."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["study"] = names[0]
    for entry, name in zip(config["members"], names, strict=False):
        entry["study_id"] = name
        # Enough settings vary for a series to be called by its row.
        entry["overrides"] |= {f"optim.{key}": name for key in ("a", "b", "c", "d")}
        entry["config"]["optim"] |= dict.fromkeys("abcd", name)
    path.write_text(json.dumps(config))
    return folder


@pytest.mark.reliability("T16")
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", NAMES)
def test_any_name_is_drawn_and_stays_apart_from_others(tmp_path, kind):
    name = NAMES[kind]
    names = [name, "2" + name, "\u5b66" + name, "\u7fd2" + name]  # nothing at the start of all
    folder = rename(made_records.write_run(tmp_path, norms=("batch",)), names)
    for figure in ("loss_curves", "learning_rates", "accuracy_best_lines"):
        drawn = figures.FIGURES[figure].draw(figures.read_run(folder))
        drawn.draw_without_rendering()
        words = [text.get_text() for text in drawn.findobj(matplotlib.text.Text)]
        joined = "".join("".join(words).split())
        for each in names:
            assert "".join(printable(each).split()) in joined
    png, svg = style.save(drawn, tmp_path / "drawn")
    assert png.stat().st_size > 5000
    ET.parse(svg)  # noqa: S314  # our own file


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_all_figures_of_the_insides_take_such_names(tmp_path):
    folder = rename(made_inside.make_run(tmp_path), ["$\\frac{$", "_\U0001f600"])
    drawn = dict(figures.drawings(folder, set(figures.INSIDE)))
    assert len(drawn) > 8
    for figure in drawn.values():
        figure.draw_without_rendering()


@pytest.mark.parametrize("figure", figures.FIGURES)
def test_no_number_is_written_in_mathtext(tmp_path, figure):
    """Which is switched off, so that it would be shown as it stands."""
    records = figures.read_run(made_records.write_run(tmp_path, rates=(1e-3, 2e-3, 7e-3)))
    drawn = figures.FIGURES[figure].draw(records)
    drawn.draw_without_rendering()
    words = [text.get_text() for text in drawn.findobj(matplotlib.text.Text)]
    assert not [word for word in words if "$" in word or "mathdefault" in word]


def test_names_that_the_font_can_write_are_left_alone():
    for name in ("bn-0.001", "lr=1e-4, α=½", "mañana", "a$b", "скорость"):
        assert printable(name) == name
    assert printable("学") == r"\u5b66" and printable("_x") == " _x"
