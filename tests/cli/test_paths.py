"""Every path that a user gives x everything that may lie there: words, a status, no traceback."""

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import pytest
from nobody import as_nobody, open_place
from places import ROOT

from jaxcifar import cli
from jaxcifar.core import files, setup
from jaxcifar.core.errors import UserError
from jaxcifar.data import sources

CONFIG = """
from jaxcifar.config import Config, Study, replace
def get_config(variant=None):
    return Study("small", replace(Config(), {
        "data.name": "synthetic", "data.n_train": 60, "data.n_test": 20, "train.epochs": 1,
        "model.name": "cnn", "model.filters": (4, 4, 4), "train.batch_size": 16}))
"""
CIFAR10 = ("--config", "{config}", "--config.data.name=cifar10", "--config.data.n_train=None",
           "--config.data.n_test=None", "--dry-run")  # fmt: skip
DRY = ("--config", "{config}", "--dry-run")
ARGUMENTS = {  # a path argument -> the command's module, its line, and what it is for
    "train --config": ("train", ("--config", "{path}", "--dry-run"), "read"),
    "train --workdir": ("train", (*DRY, "--workdir", "{path}"), "folder"),
    "train --config.data.dir": ("train", (*CIFAR10, "--config.data.dir={path}"), "read"),
    "train --config.init_from": ("train", (*DRY, "--config.init_from={path}:run"), "read"),
    "evaluate --workdir": ("evaluate", ("--workdir", "{path}"), "read"),
    "report --workdir": ("report.__main__", ("--workdir", "{path}"), "read"),
    "landscape --workdir": ("landscape.__main__", ("surface", "--workdir", "{path}"), "read"),
    "interop --workdir": ("interop.__main__", (
        "export", "--workdir", "{path}", "--member=a", "--out=o.safetensors"), "read"),
    "data show --config": ("data.__main__", ("show", "--config", "{path}"), "read"),
    "data show --out": ("data.__main__", ("show", "--config={config}", "--out={path}"), "file"),
    "data check --dir": ("data.__main__", ("check", "--dir", "{path}"), "read"),
    "data prepare --from": ("data.__main__", (
        "prepare", "--out", "{place}/out", "--from", "{path}"), "read"),
}  # fmt: skip
STATES = ("missing", "file", "below a file", "folder", "link to nothing", "closed", "below closed",
          "read-only", "long name", "home of nobody")  # fmt: skip
FINE = {  # what may lie there, by what the argument is for
    "read": (), "folder": ("missing", "folder"), "file": ("missing", "file", "link to nothing"),
}  # fmt: skip


@pytest.fixture(scope="module")
def place():
    with open_place() as folder:
        (folder / "small.py").write_text(CONFIG)
        (folder / "small.py").chmod(0o644)
        yield folder


def lie(place, state):
    """The path of something new in this state."""
    spot = Path(tempfile.mkdtemp(dir=place))
    spot.chmod(0o777)
    path = spot / state.replace(" ", "-")
    if state == "file":
        path.write_text("something")
        path.chmod(0o666)
    elif state == "below a file":
        path.write_text("something")
        path = path / "below"
    elif state in ("folder", "closed", "below closed", "read-only"):
        path.mkdir()
        path.chmod({"folder": 0o777, "read-only": 0o555}.get(state, 0o000))
    elif state == "link to nothing":
        path.symlink_to(spot / "nothing" / "here")
    return {
        "below closed": path / "below", "long name": spot / ("x" * 300),
        "home of nobody": "~nobody-of-this-name/x",
    }.get(state, path)  # fmt: skip


def command(name, line, place, path):
    words = [word.format(path=path, place=place, config=place / "small.py") for word in line]
    return cli.run(importlib.import_module(f"jaxcifar.{name}").main, words)


@pytest.fixture(scope="module", autouse=True)
def imported(place):
    """Every command ran once as this user: who may read nothing can import nothing either."""
    for name, line, _ in ARGUMENTS.values():
        command(name, line, place, place / "never")
    (place / "never").unlink(missing_ok=True)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("argument", ARGUMENTS)
def test_whatever_lies_there(argument, state, place, capsys, monkeypatch):
    name, line, use = ARGUMENTS[argument]
    monkeypatch.chdir(place)
    path = lie(place, state)
    with as_nobody():
        status = command(name, line, place, path)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    if state in FINE[use]:
        assert status == 0, said
    else:
        errors = said[said.rindex("error: ") :]
        assert status == 2 and len(errors.strip().splitlines()) <= 3, said
        shown = [part for part in (str(path), str(Path(path).parent)) if part in errors]
        assert shown or "no config.json" in errors, f"it names no path: {said}"


HOMES = {  # a door that takes a path -> it, with the path below ~; gives the path that it took
    "a flag": lambda text, _: cli.split_flags([f"--workdir={text}"], ("workdir",)).file("workdir"),
    "a flag that may be left out": lambda text, _: cli.split_flags(
        ["--out", text], ("out",)).path("out"),
    "data.dir": lambda text, _: _looked(text, {}),
    "$JAXCIFAR_DATA": lambda text, _: _looked(None, {"JAXCIFAR_DATA": text}),
    "$TFDS_DATA_DIR": lambda text, _: sources.tfds_home({"TFDS_DATA_DIR": text}),
    "$XDG_CACHE_HOME of images": lambda text, _: sources.user_cache(
        {"XDG_CACHE_HOME": text}).parent,
    "$XDG_CACHE_HOME of programs": lambda text, patch: (
        patch.setenv("XDG_CACHE_HOME", text), setup.cache_dir().parent)[1],
    "an argument": lambda text, _: files.given(text),
    "a path object": lambda text, _: files.given(Path(text)),
}  # fmt: skip


def _looked(directory, environ):
    with pytest.raises(UserError) as error:
        sources.locate(directory, environ)
    return Path(str(error.value).split()[3])


@pytest.mark.parametrize("door", HOMES)
@pytest.mark.parametrize("text", ["~", "~/a/b"])
def test_a_tilde_is_the_home_folder(door, text, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert HOMES[door](text, monkeypatch) == Path(text.replace("~", str(tmp_path)))


@pytest.mark.parametrize("text", ["a", "./a/b", "../a", "a/~", "~", "/x/~/y"])
def test_what_is_relative_lies_below_the_current_folder(text, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    meant = {"~": tmp_path / "home"}.get(text, Path(os.path.abspath(text)))
    assert os.path.abspath(files.given(text)) == str(meant)


@pytest.mark.parametrize("text", ["", "~nobody-of-this-name", "~nobody-of-this-name/x"])
def test_paths_that_mean_nothing_are_refused(text):
    with pytest.raises(UserError):
        files.given(text)


def test_an_empty_home_is_not_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for known in ("", None):
        monkeypatch.setenv("HOME", "") if known == "" else monkeypatch.delenv("HOME")
        assert files.home().is_absolute() and files.given("~/x") == files.home() / "x"


@pytest.mark.reliability("T16")
def test_a_user_whom_nobody_knows_has_no_home(monkeypatch, capsys):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)
    with pytest.raises(UserError, match="no home folder is known"):
        files.home()
    monkeypatch.delenv("JAXCIFAR_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    setup.prepare()
    assert capsys.readouterr().err == (
        "compiled programs are not kept: no home folder is known\n"
    )  # fmt: skip


@pytest.mark.reliability("T15")
@pytest.mark.parametrize("state", ["file", "below a file", "closed", "read-only", "long name"])
def test_a_cache_that_cannot_be_kept_ends_no_command(state, place, monkeypatch, capsys):
    path = lie(place, state)
    monkeypatch.delenv("JAXCIFAR_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))
    with as_nobody():
        setup.prepare()
    assert capsys.readouterr().err.startswith("compiled programs are not kept: ")


@pytest.mark.reliability("T15")
@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_cache_that_others_may_write_in_is_left_alone(mode, tmp_path, monkeypatch, capsys):
    """What lies there would be executed."""
    folder = tmp_path / "jaxcifar" / "compiled"
    folder.mkdir(parents=True)
    folder.chmod(mode)
    monkeypatch.delenv("JAXCIFAR_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    setup.prepare()
    said = f"compiled programs are not kept: others may write in {folder}"
    assert capsys.readouterr().err.startswith(said)
    assert jax.config.values["jax_compilation_cache_dir"] is None


CORRUPT = """
import os, warnings
from pathlib import Path
import jax, jax.numpy as jnp
from jaxcifar.core import setup
setup.prepare()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)

def run():
    jax.clear_caches()
    return float(jax.jit(lambda x: jnp.tanh(x @ x.T).sum())(jnp.linspace(0, 1, 64).reshape(8, 8)))

first, folder = run(), setup.cache_dir() / "compiled"
entries = [path for path in folder.iterdir() if path.name.endswith("-cache")]
assert entries
whole = {path: path.read_bytes() for path in entries}
for spoil in (lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"x" * len(b)):
    for path, content in whole.items():
        path.write_bytes(spoil(content))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert run() == first
    assert any("cache" in str(w.message) for w in seen), "it is told"
"""


@pytest.mark.slow
@pytest.mark.reliability("T15")
def test_a_corrupt_cache_is_told_and_changes_nothing(tmp_path):
    """Empty, cut and overwritten entries, as a kill within a write leaves them."""
    environ = {k: v for k, v in os.environ.items() if k != "JAXCIFAR_CACHE"}
    done = subprocess.run(
        [sys.executable, "-c", CORRUPT], env=environ | {"XDG_CACHE_HOME": str(tmp_path)},
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
