"""The documentation: its Python runs, its links lead somewhere, its docstrings become pages."""

import functools
import importlib
import importlib.util
import inspect
import re
import subprocess
import sys

import numpy as np
import pytest
from made_records import write_run
from places import ROOT

from jaxcifar import models
from jaxcifar.config import DataConfig
from jaxcifar.landscape.objective import Objective

DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "results" not in page.parts)
TABLES = {
    "network": ("jaxcifar.models.registry", "MODELS"),
    "loss": ("jaxcifar.losses.table", "LOSSES"),
    "optimizer": ("jaxcifar.optim.table", "OPTIMIZERS"),
    "schedule": ("jaxcifar.schedules.table", "SCHEDULES"),
    "augmentation": ("jaxcifar.augment.pipeline", "AUGMENTATIONS"),
    "figure": ("jaxcifar.figures", "FIGURES"),
}
"""Pages of parts -> the table that the part's row belongs to."""


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def run(code, page, namespace):
    exec(compile(code, page.name, "exec"), namespace)  # noqa: S102


def zeros():
    """Variables of VGG-A with BatchNorm, the shapes alone."""
    import jax

    return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), models.shapes("vgg_a", norm="batch"))


GIVEN = {"interop": lambda _: {"variables": zeros()}, "figure": lambda folder: {
    "FOLDER": write_run(folder, epochs=2)}}  # fmt: skip
"""What the text of a page says is there already."""


def with_python():
    """Pages that have some; those that compile a training step or more are slow."""
    for page in filter(blocks, PAGES):
        slow = [pytest.mark.slow] if page.stem in ("bands", "own_model", "interop") else []
        yield pytest.param(page, id=page.stem, marks=slow)


@pytest.mark.parametrize("page", list(with_python()))
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    """Blocks one after another; one that begins with a key is a row of the part's table."""
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": page.stem} | GIVEN.get(page.stem, lambda _: {})(tmp_path)
    for code in blocks(page):
        if code.startswith('"') and not code.startswith('"""'):
            add_row(page, f"{{{code}}}", namespace, monkeypatch)
            continue
        run(code, page, namespace)
        if page.stem == "network" and "ROWS" in namespace:
            add_row(page, "ROWS", namespace, monkeypatch)


def add_row(page, code, namespace, monkeypatch):
    module, table = TABLES[page.stem]
    home = importlib.import_module(module)
    for name, row in eval(code, vars(home) | namespace).items():  # noqa: S307
        monkeypatch.setitem(getattr(home, table), name, row)


def test_every_kind_of_part_has_a_page_and_the_pages_are_listed():
    index = (DOCS / "extend" / "index.md").read_text()
    pages = {page.stem for page in (DOCS / "extend").glob("*.md")} - {"index"}
    assert pages == {*TABLES, "experiment"} == {*re.findall(r"^(\w+)$", index, re.MULTILINE)}
    assert all(f"]({page}.md)" in index for page in pages)


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page}: {target}"


# Docstrings.
@functools.cache
def docstrings():
    spec = importlib.util.spec_from_file_location(
        "docstrings", DOCS / "extensions" / "docstrings.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("given, made", [
    ("A *star*, a |bar| and `code *x*`.", [r"A \*star\*, a \|bar\| and `code *x*`.", ""]),
    ("Ends in lr_ or _x.", [r"Ends in lr\_ or _x.", ""]),
    ("Args:\n    a, b: two\n        of them.\n    **more: rest.",
     [":Arguments:", "    * **a, b**: two", "      of them.", r"    * **\*\*more**: rest.", ""]),
    ("Returns: this\n    and that.\nRaises: UserError: no.",
     [":Returns:", "    this", "    and that.", "", ":Raises:", "    UserError: no.", ""]),
    ("Returns:\n    (N,) nats.\n\nAfter it.",
     [":Returns:", "    (N,) nats.", "", "After it.", ""]),
    ("First.\n>>> f(*x)\n1\n\nLast.",
     ["First.", "", ".. code-block:: pycon", "", "    >>> f(*x)", "    1", "", "Last.", ""]),
], ids=["special", "underscores", "args", "same-line", "below", "example"])  # fmt: skip
def test_docstrings_become_restructuredtext(given, made):
    assert docstrings().to_rst(given.split("\n")) == made


def test_fields_are_told_by_the_comments_of_their_source():
    found = {field.name: field for field in docstrings().fields(DataConfig)}
    assert list(found) == list(DataConfig.__dataclass_fields__)
    assert found["split_seed"] == ("split_seed", "int", "42", "")
    assert found["dir"].said == "folder or archive; None = look in the usual places"
    assert found["mask_pattern"].kind.startswith("Literal['centre8', ")
    assert docstrings().with_fields(Objective) and not docstrings().with_fields(dict)
    assert [f.name for f in docstrings().fields(Objective)] == list(Objective._fields)
    assert docstrings().fields(int) == []


# The site.
@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_shows_nothing_from_a_network(tmp_path):
    pytest.importorskip("sphinx", reason="no Sphinx: pip install '.[docs]'")
    pytest.importorskip("myst_nb", reason="no MyST-NB: pip install '.[docs]'")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", DOCS]
    done = subprocess.run([*command, tmp_path / "site"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(PAGES)
    for page in pages:
        text = page.read_text()
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']([^\"']+)", text)
        loaded += re.findall(
            r"<link[^>]*rel=[\"'](?:stylesheet|preload|icon)[^>]*href=[\"']([^\"']+)", text
        )
        assert not [link for link in loaded if re.match(r"(https?:)?//", link)], page
    for sheet in (tmp_path / "site").rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//|@import", sheet.read_text()), sheet
    page = (tmp_path / "site" / "reference" / "api" / "landscape.html").read_text()
    for name in ("surface", "hessian", "Landscape"):
        assert f'id="jaxcifar.landscape.{name}"' in page
    assert "Alias for field number" not in page and inspect.getdoc(Objective).split("\n")[0] in page
