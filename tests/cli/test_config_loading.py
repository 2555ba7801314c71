"""What a config file may be, hold and import, and where the shipped studies are found."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from places import CONFIGS, ROOT

from jaxcifar import cli
from jaxcifar.config import Study
from jaxcifar.core.errors import UserError

HEAD = "from jaxcifar.config import Config, Member, Study\n"
GOOD = "return Study('mine', Config(seed={seed}))\n"


def write(path, body, head=HEAD):
    """A config whose get_config has this body."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{head}def get_config(variant=None):\n    {body}\n")
    return path


@pytest.mark.parametrize("body, words", [
    ("pass", "gave None: does it return?"), ("return {'optim.lr': 1}", "gave a dict"),
    ("return Config()", "gave a Config"), ("return Study", "gave a type"),
    ("return [Study('a', Config())]", "gave a list"), ("return 'bn'", "gave a str"),
    ("return Study('a', {'optim.lr': 1})", "its base is a dict"),
    ("return Study('a', None)", "its base is a NoneType"),
    ("return Study('a', Config(), Member('a', {}))", "'a' is no member"),
    ("return Study('a', Config(), (('a', {}),))", "('a', {}) is no member"),
    ("return Study('a', Config(), (Member('a', None),))", "is no member"),
    ("return Study('a', Config(), ())", "members need distinct ids"),
    ("return Study('a', Config(), seeds='3')", "seeds"), ("raise SystemExit", ": SystemExit"),
    ("import sys; sys.exit(0)", ":3: SystemExit: 0"), ("raise OSError('x')", ":3: OSError: x"),
])  # fmt: skip
def test_what_is_no_study_is_refused(body, words, tmp_path):
    with pytest.raises(UserError) as error:
        cli.load_study(str(write(tmp_path / "mine.py", body)))
    assert words in str(error.value) and len(str(error.value).splitlines()) <= 3


@pytest.mark.parametrize("text, words", [
    ("get_config = 3\n", "defines no get_config"), ("", "defines no get_config"),
    ("import sys\nsys.exit()\n", ":2: SystemExit"), ("\x00", "mine.py"), ("\u00e9 = (", ":1: "),
])  # fmt: skip
def test_a_file_without_a_study_is_refused(text, words, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        cli.load_study(str(path))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes(b"x = '\xff'\n")
    with pytest.raises(UserError, match="mine.py"):
        cli.load_study(str(path))


def test_a_dataclass_of_its_own_with_postponed_annotations(tmp_path):
    head = (
        "from __future__ import annotations\nimport dataclasses, typing\n" + HEAD +
        "@dataclasses.dataclass(frozen=True)\nclass Mine:\n"
        "    rate: float = 0.1\n    _: dataclasses.KW_ONLY\n    same: Mine | None = None\n"
    )  # fmt: skip
    body = "assert typing.get_type_hints(Mine)['rate'] is float; return Study('a', Config())"
    assert cli.load_study(str(write(tmp_path / "mine.py", body, head))).name == "a"


@pytest.mark.parametrize("where", ["at the top", "in get_config"])
@pytest.mark.parametrize("line, seed", [
    ("from common import SEED", "SEED"), ("import common", "common.SEED"),
    ("from parts.common import SEED", "SEED"), ("from parts import common", "common.SEED"),
])  # fmt: skip
def test_modules_beside_a_config_are_its_own(line, seed, where, tmp_path, monkeypatch):
    """Two folders, the same names, one process; called from a third; read anew when they change."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # whose clock counts whole seconds
    before, modules = list(sys.path), set(sys.modules)
    for folder, value in (("one", 1), ("two", 2), ("one", 3)):
        for place in (Path(folder), Path(folder, "parts")):
            place.mkdir(parents=True, exist_ok=True)
            (place / "common.py").write_text(f"SEED = {value}\n")
        body = GOOD.format(seed=seed)
        if where == "at the top":
            path = write(Path(folder, "mine.py"), body, f"{HEAD}{line}\n")
        else:
            path = write(Path(folder, "mine.py"), f"{line}; {body}")
        assert cli.load_study(str(path)).base.seed == value
    assert sys.path == before
    assert not {name for name in set(sys.modules) - modules if "common" in name}


def test_a_module_that_lies_elsewhere_is_not_forgotten(tmp_path):
    body = "import json.tool, places; return Study(places.__name__, Config())"
    assert cli.load_study(str(write(tmp_path / "mine.py", body))).name == "places"
    assert "json.tool" in sys.modules and "places" in sys.modules


@pytest.mark.parametrize("text, name, variant", [
    ("bn", "bn", None), ("bn:quick", "bn", "quick"), ("r3_grid:published", "r3_grid", "published"),
    (f"{CONFIGS}/bn.py:quick", "bn", "quick"), (f"{CONFIGS}/bn.py", "bn", None),
])  # fmt: skip
def test_a_study_by_name_and_by_file(text, name, variant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = cli.load_study(text)
    assert (study.name, study.variant) == (name, variant)


def test_a_colon_in_a_folder_is_no_variant(tmp_path):
    path = write(tmp_path / "a:b" / "mine.py", "return Study(f'v-{variant}', Config())")
    assert cli.load_study(str(path)).name == "v-None"
    assert cli.load_study(f"{path}:x").name == "v-x"


@pytest.mark.parametrize("text, words", [
    ("bm", "did you mean 'bn'"), ("bn.yaml", "shipped are: bn,"), ("configs/bn.py", "--config bn"),
    ("configs/bm.py:quick", "here are: none"), ("mine.txt", "is no Python file"),
    ("", "path is empty"), ("folder", "shipped are"), ("folder/", "no config file"),
])  # fmt: skip
def test_no_such_study(text, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.txt").touch()
    Path("folder").mkdir()
    with pytest.raises(UserError) as error:
        cli.load_study(text)
    assert words in str(error.value) and len(str(error.value).splitlines()) <= 3


def test_a_wheel_holds_the_rooms_and_the_studies(monkeypatch):
    setuptools = pytest.importorskip("setuptools", reason="the wheel's builder is not installed")
    told = {}
    monkeypatch.setattr(setuptools, "setup", told.update)
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    holds = {package: told["package_dir"].get(package, package.replace(".", "/"))
             for package in told["packages"]}  # fmt: skip
    assert holds["jaxcifar.studies"] == "configs"
    folders = {path.parent for path in (ROOT / "jaxcifar").rglob("*.py")}
    assert {ROOT / place for place in holds.values()} == folders | {CONFIGS}


def test_studies_are_found_where_a_wheel_puts_them(tmp_path):
    """As installed: no checkout around the package, the current folder elsewhere."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "jaxcifar", tmp_path / "site" / "jaxcifar", ignore=ignored)
    shutil.copytree(CONFIGS, tmp_path / "site" / "jaxcifar" / "studies", ignore=ignored)
    (tmp_path / "away").mkdir()
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "from jaxcifar import cli; study = cli.load_study('bn:quick')\n"
        f"print(cli.__file__.startswith({str(tmp_path)!r}), study.name, study.variant)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path / "away"
    )
    assert done.stdout == "True bn quick\n", done.stderr
    assert isinstance(cli.load_study("bn:quick"), Study)
