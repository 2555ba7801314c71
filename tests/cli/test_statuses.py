"""Exit statuses: whose fault an exception is, and in which words it is told."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from places import ROOT

from jaxcifar import cli
from jaxcifar.cli.statuses import mendable
from jaxcifar.core.errors import UserError

THERE = "/data/me/run"
REFUSED = {
    "full": OSError(errno.ENOSPC, "No space left on device", THERE),
    "quota": OSError(errno.EDQUOT, "Disk quota exceeded", THERE),
    "missing": FileNotFoundError(errno.ENOENT, "No such file or directory", THERE),
    "closed": PermissionError(errno.EACCES, "Permission denied", THERE),
    "read-only": OSError(errno.EROFS, "Read-only file system", THERE),
    "file": NotADirectoryError(errno.ENOTDIR, "Not a directory", THERE),
    "folder": IsADirectoryError(errno.EISDIR, "Is a directory", THERE),
    "broken disk": OSError(errno.EIO, "Input/output error", THERE),
    "bytes": OSError(errno.EIO, "Input/output error", THERE.encode()),
}


def raising(error):
    def main(argv):
        raise error

    return main


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("debug", [False, True])
def test_what_the_system_refuses_is_told_by_its_path(name, debug, capsys):
    assert cli.run(raising(REFUSED[name]), ["--debug"] * debug) == 2
    out, said = capsys.readouterr()
    assert not out and ("Traceback" in said) == debug
    last = said[said.rindex("error: ") :]
    assert f"error: {THERE}: {REFUSED[name].strerror}" in last and len(last.splitlines()) == 2
    assert ("bytes are free" in last) == (name == "full")


def test_a_full_disk_is_told_even_without_a_path(capsys):
    assert cli.run(raising(OSError(errno.ENOSPC, "No space left on device")), []) == 2
    assert "error: the disk: No space left on device\n" in capsys.readouterr().err


@pytest.mark.parametrize("error", [
    ValueError("a fault of ours"), KeyError("x"), RuntimeError("x"), AssertionError(),
    OSError("no number, no path"), ConnectionError(errno.ECONNRESET, "reset"),
    FileNotFoundError(errno.ENOENT, "No such file", str(ROOT / "jaxcifar" / "rates.json")),
    FileNotFoundError(errno.ENOENT, "No such file", np.__file__),
    OSError(errno.EBADF, "Bad file descriptor", 7),
], ids=repr)  # fmt: skip
def test_all_else_is_a_fault_of_ours(error):
    with pytest.raises(type(error)):
        cli.run(raising(error), [])


def test_a_run_beside_the_package_is_the_user_s():
    path = str(ROOT / "jaxcifar-runs" / "x")
    assert path in mendable(FileNotFoundError(errno.ENOENT, "No such file", path))


@pytest.mark.parametrize("code, status, words", [
    (None, 0, ""), (0, 0, ""), (3, 3, ""), ("said", 1, "said\n"),
])  # fmt: skip
def test_an_exit_is_its_status(code, status, words, capsys):
    assert cli.run(raising(SystemExit(code)), []) == status
    assert capsys.readouterr().err == words


def test_a_missing_file_of_a_command_s_own_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.run(lambda argv: Path("absent").read_text(), []) == 2
    assert capsys.readouterr().err.startswith("error: absent: No such file or directory\n")


def own(code, argv=(), **env):
    """A command in a process of its own, in this environment."""
    head = "import sys\nfrom jaxcifar import cli\n"
    text = f"{head}def main(argv):\n    {code}\nsys.exit(cli.run(main))"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    return subprocess.run(
        [sys.executable, "-c", text, *argv], cwd=ROOT, env=kept | env, capture_output=True
    )


@pytest.mark.parametrize("name, value", [
    ("JAX_PLATFORMS", "cuda"), ("JAX_PLATFORMS", "nonsense"), ("JAX_PLATFORM_NAME", "cuda"),
    ("JAX_ENABLE_X64", "perhaps"), ("JAX_DEFAULT_MATMUL_PRECISION", "much"),
    ("JAX_NUM_CPU_DEVICES", "x"),
])  # fmt: skip
def test_what_jax_makes_of_its_variables_is_told(name, value):
    done = own("import jax; jax.random.key(0)", **{name: value, "CUDA_VISIBLE_DEVICES": ""})
    said = done.stderr.decode()
    assert done.returncode == 2 and "Traceback" not in said, said
    lines = [line for line in said.splitlines() if line.startswith("error: ")]
    assert f"{name}={value}" in lines[0] and said.endswith("or leave it out\n")


def test_a_fault_of_ours_is_not_laid_at_jax_s_door():
    done = own("import jax; jax.local_devices(); raise RuntimeError('ours')", JAX_PLATFORMS="cpu")
    assert done.returncode == 1 and b"RuntimeError: ours" in done.stderr


@pytest.mark.reliability("T16")
@pytest.mark.parametrize("env", [
    {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "LANG": "", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
], ids=str)  # fmt: skip
def test_a_terminal_that_lacks_a_letter_ends_no_command(env):
    done = own("print('\\u03b7=0.1'); raise cli_error('\\u03b7')"
               .replace("raise cli_error", "raise __import__('jaxcifar.core.errors', fromlist="
                        "['x']).UserError"), **env)  # fmt: skip
    assert done.returncode == 2 and done.stdout == b"\\u03b7=0.1\n", done.stderr
    assert done.stderr == b"error: \\u03b7\n"


def test_words_of_a_user_error_are_all_there_is(capsys):
    assert cli.run(raising(UserError("one\ntwo\nthree")), []) == 2
    assert capsys.readouterr().err == "error: one\ntwo\nthree\n"
