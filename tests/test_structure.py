"""Who may import whom, that importing does nothing, and that files stay small."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jaxcifar"

# A module may import from the package only what stands on a line above its own.
LAYERS = [
    {"errors", "files", "keys", "faults", "sources", "residuals"},
    {"config"},
    {"types", "cli"},
    {"models", "losses", "augment", "answers", "optim", "schedules", "averaging", "data"},
    {"steps", "lanes", "population", "runtime", "stages", "resolution", "timetable"},
    {"programs", "record"},
    {"bookkeeping", "histograms", "scoring"},
    {"engine", "checkpoint", "folder", "saver"},
    {
        "plan",
        "bands",
        "calibration",
        "inside",
        "reestimation",
        "summary",
        "restoring",
        "warm_start",
    },  # fmt: skip
    {"landscape", "progress", "figures", "memory", "speed"},
    {"job", "report"},
    {"fitting"},
    {"run"},
    {"describe"},
    {"evaluate", "train", "interop", "trackers"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
NO_JAX = {"errors", "files", "config", "cli", "bands", "calibration", "figures", "report", "record",
          "folder"}  # fmt: skip
ONLY_IN = {"flax": {"models"}, "orbax": {"checkpoint"}, "tensorflow_datasets": {"data"},
           "safetensors": {"interop"}, "tensorboardX": {"trackers"},
           "wandb": {"trackers"}}  # fmt: skip


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if part(path) != "__init__")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    mine = part(path)
    for name in imports(path):
        words = name.split(".")
        if words[0] == "jaxcifar" and len(words) > 1 and words[1] in LEVEL and words[1] != mine:
            assert LEVEL[words[1]] <= LEVEL[mine], f"{mine} must not import {name}"
        assert words[0] != "tensorflow" and words[0] not in {"pickle", "dill", "torch"}
        assert mine in ONLY_IN.get(words[0], {mine}), f"only {ONLY_IN[words[0]]} may import {name}"
        if mine in NO_JAX:
            assert words[0] not in {"jax", "flax", "optax", "orbax"}, f"{mine} must not need {name}"


def test_every_module_has_its_place():
    assert {part(path) for path in SOURCES} <= set(LEVEL)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_readable(path):
    assert len(path.read_text().splitlines()) <= 300


def test_importing_touches_nothing():
    """No device, no file but sources, no flag: seen from a fresh process."""
    code = (
        "import os, pkgutil, importlib, jaxcifar, jax\n"
        "before = dict(os.environ)\n"
        "values = dict(jax.config.values)\n"
        "for m in pkgutil.walk_packages(jaxcifar.__path__, 'jaxcifar.'):\n"
        "    if not m.name.endswith('__main__'): importlib.import_module(m.name)\n"
        "from jax._src import xla_bridge\n"
        "assert not xla_bridge._backends, 'a device was initialised'\n"
        "assert dict(os.environ) == before and dict(jax.config.values) == values\n"
        "import sys; assert 'tensorflow' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_the_package_itself_is_light():
    code = "import sys, jaxcifar; assert 'jax' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
