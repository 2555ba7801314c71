"""Every ``python -m jaxcifar.X``: it answers --help, and refuses what it does not use."""

import importlib
import subprocess
import sys

import pytest
from places import ROOT

from jaxcifar import cli
from jaxcifar.core.errors import UserError

PACKAGE = ROOT / "jaxcifar"
FOUND = sorted(path.parent.name for path in PACKAGE.glob("*/__main__.py"))
DOORS = ["evaluate", "train", *(name for name in FOUND if name != "bench")]  # which is a script's
SUBCOMMANDS = {
    "data": ("check", "prepare", "show"), "interop": ("export", "names"),
    "landscape": ("surface", "line", "trajectory", "hessian", "shift"),
}  # fmt: skip
LINES = [(name, *sub) for name in DOORS for sub in [(), *((s,) for s in SUBCOMMANDS.get(name, ()))]]
WHOLE = {  # what makes the rest of a command's line complete
    ("train",): ["--config", "bn:quick"], ("evaluate",): ["--workdir", "nowhere"],
    ("report",): ["--workdir", "nowhere"], ("data", "show"): ["--config", "bn:quick"],
    ("interop", "export"): ["--workdir=x", "--member=m", "--out=o.safetensors"],
    ("interop", "names"): ["cnn"], ("models",): ["cnn"],
    **{("landscape", sub): ["--workdir", "x"] for sub in SUBCOMMANDS["landscape"]},
}  # fmt: skip


def run(name, *argv):
    """A command in this process."""
    path = f"jaxcifar.{name}.__main__" if name in FOUND else f"jaxcifar.{name}"
    return cli.run(importlib.import_module(path).main, argv)


def refused(capsys, *words):
    """The words of a refusal: at most three lines on standard error, no traceback."""
    out, said = capsys.readouterr()
    assert "Traceback" not in said and 1 <= len(said.splitlines()) <= 3, said
    assert said.startswith("error: ") and not out
    for word in words:
        assert word in said
    return said


@pytest.mark.parametrize("line", LINES, ids=" ".join)
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help(line, word, capsys):
    name, *sub = line
    assert run(name, *sub, word) == 0
    out = capsys.readouterr().out
    assert out.startswith("usage: ") and f"python -m jaxcifar.{' '.join(line)}" in out


@pytest.mark.parametrize("line", [line for line in LINES if line in WHOLE], ids=" ".join)
@pytest.mark.parametrize("more", ["--nonsense=1", "word", "--config.nonsense.x=3", "-x"])
def test_no_argument_is_ignored(line, more, capsys):
    name, *sub = line
    assert run(name, *sub, *WHOLE[line], more) == 2
    refused(capsys, more.partition("=")[0].removeprefix("--"))


@pytest.mark.parametrize("line", [
    ("data", "check", "--dri=x"), ("data", "prepare", "--form=tfds"), ("report", "--workdri=x"),
    ("landscape", "line", "--membre=a", "--workdir=x"), ("evaluate", "--config.data.dri=x"),
    ("interop", "export", "--ouf=x"), ("train", "--only-gruop=x"), ("landscape", "hesian"),
    ("data", "show", "--confg=x"), ("interop", "name"), ("train", "--config", "bm"),
], ids=" ".join)  # fmt: skip
def test_the_nearest_name_is_offered(line, capsys):
    name, *argv = line
    assert run(name, *argv) == 2
    refused(capsys, "did you mean '")


@pytest.mark.parametrize("line", [
    ("train", "--config", "bn", "--config", "r0_best"), ("evaluate", "--workdir=a", "--workdir=b"),
    ("data", "check", "--dir", "a", "--dir", "b"), ("models", "cnn", "--norm=none", "--norm=batch"),
    ("models", "cnn", "--name=vgg_a"), ("interop", "names", "cnn", "vgg_a"),
], ids=" ".join)  # fmt: skip
def test_nothing_is_taken_twice(line, capsys):
    name, *argv = line
    assert run(name, *argv) == 2
    refused(capsys)


@pytest.mark.parametrize("line", [
    ("evaluate", "--workdir="), ("train", "--config", "bn", "--workdir="),
    ("data", "check", "--dir="), ("evaluate", "--workdir", "--member", "a"),
], ids=" ".join)  # fmt: skip
def test_an_empty_value_is_no_current_folder(line, capsys):
    name, *argv = line
    assert run(name, *argv) == 2
    refused(capsys, "needs a value")


@pytest.mark.parametrize("sub", SUBCOMMANDS["landscape"])
def test_an_analysis_that_cannot_be_made_says_so(sub, tmp_path, capsys):
    assert run("landscape", sub, "--workdir", str(tmp_path / "none")) == 2
    refused(capsys, "none is no run folder")
    (tmp_path / "config.json").write_text(
        '{"study": "s", "members": [{"id": "a", "config": {}}], "data": {}}'
    )
    assert run("landscape", sub, "--workdir", str(tmp_path), "--member=b") == 2
    refused(capsys, "unknown member 'b'")
    assert run("landscape", sub, "--workdir", str(tmp_path), "--member=a") == 2
    refused(capsys)  # it has no weights, where the analysis is there at all


@pytest.mark.parametrize("line, found", [
    (["--member", "a"], ("a",)), (["--member=a", "--member=b"], ("a", "b")),
    (["--member", "a", "b", "--workdir=x"], ("a", "b")), (["--member=a", "b"], ("a", "b")),
    (["--member=a", "--member=a"], ("a",)), (["--workdir=x"], None),
], ids=str)  # fmt: skip
def test_a_flag_of_several_values_takes_them_all(line, found):
    of = cli.Command("usage", flags=("workdir",), many=("member",))
    assert cli.commands.command(line, of).many.get("member") == found


@pytest.mark.parametrize(
    "line", [["--member"], ["--member="], ["--member=a", "-x"], ["a"]], ids=str
)
def test_a_flag_of_several_values_takes_no_other_word(line):
    of = cli.Command("usage", flags=("workdir",), many=("member",))
    with pytest.raises(UserError):
        cli.commands.command(line, of)


@pytest.mark.parametrize("kind, text, found", [
    (int, "12", 12), (float, "1e-3", 1e-3), (int, "1.5", None), (int, "", None), (float, "x", None),
])  # fmt: skip
def test_a_flag_may_be_a_number(kind, text, found):
    flags = cli.Flags({"of_it": text})
    assert flags.number("other", kind) is None
    if found is not None:
        assert flags.number("of_it", kind) == found
    else:
        with pytest.raises(UserError, match="--of-it="):
            flags.number("of_it", kind)


def test_it_is_so_in_a_process_of_its_own():
    done = subprocess.run(
        [sys.executable, "-m", "jaxcifar.landscape", "surface", "--workdir", "/nonexistent"],
        capture_output=True, text=True, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 2 and "no run folder" in done.stderr and not done.stdout
