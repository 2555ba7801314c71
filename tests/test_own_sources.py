"""What decides the bits of a run is what compiled programs are made of; no edit there is unseen."""

import shutil

import pytest
from test_structure import PACKAGE, SOURCES, imports, part

from jaxcifar import sources


def needed_by(start):
    """The parts of the package that `start` imports, and what those import."""
    parts = {path: part(path) for path in SOURCES}
    found, news = set(), {start}
    while news:
        found |= news
        names = {name for path in parts if parts[path] in news for name in imports(path)}
        words = [name.split(".") for name in names]
        inner = {w[1] for w in words if w[0] == "jaxcifar" and len(w) > 1}
        news = (inner & {*parts.values()}) - found
    return found


NAMES_ONLY = {"cli", "config", "errors"}
"""What the user chose, and how it is told: a member's identity holds the first."""


def test_every_part_of_a_compiled_program_counts():
    counted = {name.removesuffix(".py") for name in sources.ARITHMETIC}
    assert counted == needed_by("programs") - NAMES_ONLY


@pytest.fixture
def package(tmp_path):
    root = tmp_path / "package"
    shutil.copytree(PACKAGE, root, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def test_the_same_bytes_have_the_same_digest(package):
    assert sources.digest(package) == sources.digest()


@pytest.mark.parametrize("name", ["steps.py", "models/lowering.json", "optim/new.py"])
def test_every_change_is_seen(package, name):
    with (package / name).open("a") as file:
        file.write("\n")
    assert sources.digest(package) != sources.digest()


def test_what_only_draws_or_reads_does_not_count(package):
    (package / "cli.py").write_text("")
    (package / "figures" / "new.py").write_text("")
    assert sources.digest(package) == sources.digest()
