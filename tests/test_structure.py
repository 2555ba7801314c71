"""Who may import whom, that importing does nothing, and that files and functions stay small."""

import ast
import subprocess
import sys

import pytest
from places import ROOT

PACKAGE = ROOT / "jaxcifar"

# The rooms from the ground up: a room imports only what stands on a line above its own.
FLOORS = [
    {"core"},
    {"augment", "config", "losses", "schedules"},
    {"cli", "optim", "records"},
    {"data", "figures", "models"},
    {"programs", "report"},
    {"checkpoints"},
    {"planning"},
    {"evaluation"},
    {"landscape"},
    {"evaluate", "interop", "training"},
    {"bench", "reproduction", "trackers"},
    {"train"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
FILES = {"evaluate", "train"}
"""Doors at the root that users know as files; all else there is a room."""

NO_JAX = {"config", "cli", "records", "figures", "report"}
ONLY_IN = {"flax": {"models"}, "orbax": {"checkpoints"}, "tensorflow_datasets": {"data"},
           "safetensors": {"interop"}, "tensorboardX": {"trackers"}, "wandb": {"trackers"},
           "plotly": {"figures"}, "torch": {"bench"}, "torchvision": {"bench"}}  # fmt: skip
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
"""Names -> why each is better whole."""


def imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if room(path) != "__init__")
every_file = pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix()
)


@every_file
def test_imports_point_one_way(path):
    mine = room(path)
    for name in imports(path):
        words = name.split(".")
        if words[0] == "jaxcifar" and len(words) > 1 and words[1] in FLOOR and words[1] != mine:
            assert FLOOR[words[1]] < FLOOR[mine], f"{mine} must not import {name}"
        assert words[0] not in {"tensorflow", "pickle", "dill"}
        assert mine in ONLY_IN.get(words[0], {mine}), f"only {ONLY_IN[words[0]]} may import {name}"
        if mine in NO_JAX:
            assert words[0] not in {"jax", "flax", "optax", "orbax"}, f"{mine} must not need {name}"


def test_the_root_holds_rooms_and_the_doors_that_are_files():
    there = {path.name for path in PACKAGE.iterdir() if not path.name.startswith("__pycache__")}
    files = {"__init__.py", "py.typed", *(f"{name}.py" for name in FILES)}
    assert there == files | (FLOOR.keys() - FILES)
    assert all((PACKAGE / name / "__init__.py").exists() for name in FLOOR.keys() - FILES)


@every_file
def test_files_and_functions_stay_readable(path):
    name, text = path.relative_to(PACKAGE).as_posix(), path.read_text()
    assert len(text.splitlines()) <= 300 or LONG_FILES.get(name)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= 50 or LONG_FUNCTIONS.get(f"{name}:{node.name}"), (node.name, lines)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.stem
)
def test_scripts_are_thin_and_answer_for_help(path):
    assert len(path.read_text().splitlines()) <= 30
    done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "usage:" in done.stdout, done.stderr


def test_tests_mirror_the_rooms():
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert folders - {"golden", "__pycache__"} <= FLOOR.keys()


def test_importing_touches_nothing():
    """No device, no file but sources, no flag: seen from a fresh process."""
    code = (
        "import os, pkgutil, importlib, jaxcifar, jax\n"
        "before = dict(os.environ)\n"
        "values = dict(jax.config.values)\n"
        "for m in pkgutil.walk_packages(jaxcifar.__path__, 'jaxcifar.'):\n"
        "    if not (m.name.endswith('__main__') or 'torch' in m.name):\n"
        "        importlib.import_module(m.name)\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge._backends, 'a device was initialised'\n"
        "assert dict(os.environ) == before and dict(jax.config.values) == values\n"
        "import sys; assert 'tensorflow' not in sys.modules and 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_the_package_itself_is_light():
    code = "import sys, jaxcifar; assert 'jax' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
