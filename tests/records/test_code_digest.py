"""What decides the bits of a run is what compiled programs are made of; no edit there is unseen."""

import shutil

import pytest
from test_structure import PACKAGE, SOURCES, imports

from jaxcifar.records import code_digest

WHOLE = {name for name in code_digest.ARITHMETIC if not name.endswith(".py")}
NAMES_ONLY = {"cli", "config", "core/errors.py"}
"""What the user chose, and how it is told: a member's identity holds the first."""


def part(path):
    """A room, or a file of the room whose files do not all count."""
    room, *rest = path.relative_to(PACKAGE).parts
    return "/".join((room, *rest)) if room == "core" else room


def needed_by(start):
    """The parts of the package that `start` imports, and what those import, but for names."""
    parts = {path: part(path) for path in SOURCES}
    found, news = set(), {start}
    while news:
        found |= news
        names = {name for path in parts if parts[path] in news for name in imports(path)}
        words = [name.split(".") for name in names if name.startswith("jaxcifar.")]
        inner = {f"core/{w[2]}.py" if w[1] == "core" and len(w) > 2 else w[1] for w in words}
        news = (inner & {*parts.values()}) - found - NAMES_ONLY
    return found


def test_every_part_of_a_compiled_program_counts():
    assert {*code_digest.ARITHMETIC} == needed_by("programs")


@pytest.fixture
def package(tmp_path):
    root = tmp_path / "package"
    shutil.copytree(PACKAGE, root, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def append(text):
    def change(path):
        with path.open("a") as file:
            file.write(text)

    return change


def replace(old, new):
    def change(path):
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return change


SEEN = [
    ("programs/train_step.py", append("\nHALF = 0.5\n")),
    ("core/keys.py", replace("fold_in", "fold_out")),
    ("models/convolution/lowering.json", replace('"table"', '"other"')),
    ("optim/new.py", append("RATE = 1\n")),
    ("schedules/curves.py", replace("def ", "def new_")),
]


@pytest.mark.parametrize(("name", "change"), SEEN, ids=[name for name, _ in SEEN])
def test_every_change_is_seen(package, name, change):
    change(package / name)
    assert code_digest.digest(package) != code_digest.digest()


def moved(package):
    """A function in a file of its own; whoever used it names its new module."""
    path = package / "programs" / "segments.py"
    text = path.read_text()
    start = text.index("def span(")
    head = "import numpy as np\n\n\n"
    (package / "programs" / "spans.py").write_text(head + text[start:])
    path.write_text("from jaxcifar.programs import spans\n" + text[:start] + "USED = spans.span\n")
    return package


UNSEEN = {
    "nothing": lambda package: None,
    "another room": lambda package: (package / "figures" / "style.py").write_text(""),
    "a comment": lambda package: append("# why\n")(package / "losses" / "functions.py"),
    "documentation": lambda package: replace('"""T', '"""Well, t')(package / "core" / "types.py"),
    "an import": lambda package: append("import math\n")(package / "optim" / "rules.py"),
    "a file's name": lambda package: (package / "losses" / "functions.py").rename(
        package / "losses" / "of_batches.py"
    ),
    "a table's layout": lambda package: replace("\n", "\n\n")(
        package / "models" / "convolution" / "lowering.json"
    ),
}


@pytest.mark.parametrize("change", UNSEEN.values(), ids=UNSEEN)
def test_what_changes_no_bit_is_not_seen(package, change):
    change(package)
    assert code_digest.digest(package) == code_digest.digest()


def test_a_definition_counts_the_same_wherever_it_stands(package):
    used = append("USED = span\n")
    before = package.with_name("before")
    shutil.copytree(package, before)
    used(before / "programs" / "segments.py")
    assert code_digest.digest(moved(package)) == code_digest.digest(before)
