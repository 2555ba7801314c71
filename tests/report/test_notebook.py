"""What a notebook shows of a run: escaped, a piece of a page, as wide as there is room."""

import re
from html import escape
from html.parser import HTMLParser

import pytest
from made_records import write_run
from made_report import finish

from jaxcifar import report
from jaxcifar.core.errors import UserError
from jaxcifar.report import notebook

VOID = {"img", "br", "meta"}


class Balanced(HTMLParser):
    """Refuses tags that are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.open += [tag] * (tag not in VOID)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def tags(html):
    parser = Balanced()
    parser.feed(html)
    assert not parser.open
    return parser.seen


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return finish(write_run(tmp_path_factory.mktemp("run"), rates=(1e-3,), epochs=2))


def test_members_are_a_table_of_the_piece_s_own_style(run):
    html = report.members(run)
    found = tags(html)
    assert found[:2] == ["div", "style"] and "table" in found and "html" not in found
    assert "bn-0.001" in html and "Test accuracy" in html and str(run) in html
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    rules = re.findall(r"^([^{}\s][^{}]*)\{", style, re.MULTILINE)
    assert rules and all(part.strip().startswith(".jaxcifar")
                         for rule in rules for part in rule.split(","))  # fmt: skip


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a&b", 'x" onload="y', "</td>"])
def test_all_text_is_escaped(tmp_path, name):
    folder = finish(write_run(tmp_path, rates=(1e-3,), norms=("batch",), epochs=1, label=name))
    html = report.members(folder)
    assert {"script", "onload"}.isdisjoint(tags(html))
    assert html.count(escape(name, quote=False)) == 1


def test_figures_are_a_grid_drawn_into_the_folder(run):
    shown = report.gallery(run, ["loss_band_steps", "accuracy_curves"])
    html = shown._repr_html_()
    assert tags(html).count("img") == 2 and 'src="data:image/png;base64,' in html
    assert "http" not in html
    assert repr(shown).splitlines() == [
        str(run / "figures" / f"{name}.png") for name in ("loss_band_steps", "accuracy_curves")
    ]
    assert (run / "figures" / "accuracy_curves.png").exists()


@pytest.mark.parametrize("name, said", [
    ("loss_bands", r"unknown figure 'loss_bands'.*\nchoose one of: .*loss_band_steps"),
    ("weight_histograms", r"has not recorded what the figure 'weight_histograms' shows"),
])  # fmt: skip
def test_a_figure_that_there_is_not_is_refused(run, name, said):
    with pytest.raises(UserError, match=said):
        notebook.gallery(run, [name])
