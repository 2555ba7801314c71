"""The command line: overrides, flags, config files, statuses; what is refused, in which words."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT

from jaxcifar import cli
from jaxcifar.config import Config, Member, Stage, Study, replace, sweep
from jaxcifar.core.errors import UserError

STUDY = Study("s", Config(), sweep({"model.norm": ("batch", "none"), "optim.lr": (0.1, 0.2)}))

REFUSED = [
    (("optim.lrr", "1"), "unknown field --config.optim.lrr; did you mean 'lr'"),
    (("optin.lr", "1"), "did you mean 'optim'"),
    (("optim", "1"), "is a group of fields"),
    (("optim.lr.x", "1"), "unknown field"),
    (("optim.lr", "abc"), "cannot be read\nexpected: a number"),
    (("model.norm", "layer"), "expected: 'none' or 'batch' or None"),
    (("data.n_train", "1.5"), "expected: a whole number or None"),
    (("deterministic", "maybe"), "expected: True or False"),
    (("model.filters", "3,x"), "separated by commas"),
    (("stages.0", "0.5"), "stages.0 names no field of a stage"),
    (("stages.x.at", "0.5"), "write stages.0.at=0.8 and"),
    (("stages.0.optim.lrr", "1"), "did you mean 'lr'"),
]


@pytest.mark.parametrize("override, words", REFUSED)
def test_overrides_refused_in_our_own_words(override, words, capfd):
    with pytest.raises(UserError) as error:
        cli.apply_overrides(STUDY, [override])
    assert words in str(error.value) and len(str(error.value).splitlines()) <= 3
    assert capfd.readouterr() == ("", ""), "the parser's own output must not leak"


def test_overrides_reach_their_fields():
    study, notes = cli.apply_overrides(STUDY, [
        ("data.augment", "hflip,crop"), ("optim.clip", "5"), ("deterministic", "False"),
        ("model.filters", "1,2,3"), ("data.dir", "None"), ("seeds", "3"), ("train.record", ""),
    ])  # fmt: skip
    base = study.base
    assert base.data.augment == ("hflip", "crop") and base.optim.clip == 5.0
    assert base.deterministic is False and base.model.filters == (1, 2, 3)
    assert base.data.dir is None and study.seeds == 3 and base.train.record == () and not notes


def test_overriding_a_varied_field_collapses_its_axis_and_says_so():
    study, notes = cli.apply_overrides(STUDY, [("optim.lr", "0.5")])
    assert [member.id for member in study.members] == ["norm=batch", "norm=none"]
    assert study.base.optim.lr == 0.5
    assert notes == ("optim.lr is 0.5 for all members now: 4 members became 2",)


STAGED = Study("s", Config(), tuple(
    Member(name, {"stages": (Stage(0.5, {"schedule.name": name}),), **more})
    for name, more in {"constant": {}, "cosine": {}, "same": {"optim.lr": 1e-3}}.items()
))  # fmt: skip


def test_fields_of_the_members_own_stages_are_changed_in_each():
    study, notes = cli.apply_overrides(
        STAGED, [("stages.0.at", "0.25"), ("stages.0.optim.lr", "0.5"), ("seed", "4")]
    )
    assert study.base == replace(Config(), {"seed": 4})
    for member, before in zip(study.members, STAGED.members, strict=True):
        (stage,) = member.overrides["stages"]
        own = before.overrides["stages"][0].changes
        assert stage == Stage(0.25, {**own, "optim.lr": 0.5}) and member.id == before.id
    assert notes == (
        "stages.0.at is 0.25, stages.0.optim.lr is 0.5 for all members now: "
        "3 members became 3",
    )  # fmt: skip


def test_members_whose_stages_become_equal_are_one():
    study, notes = cli.apply_overrides(STAGED, [("stages.0.schedule.name", "step")])
    assert [member.id for member in study.members] == ["constant", "same"]
    assert notes[0].endswith("for all members now: 3 members became 2")


@pytest.mark.parametrize("argv, words", [
    (["bn.py"], "unknown argument 'bn.py'"), (["--confg", "x"], "did you mean 'config'"),
    (["--config"], "needs a value"), (["--dry-run=1"], "a switch takes no value\nwrite --dry-run"),
])  # fmt: skip
def test_flags_refused(argv, words):
    with pytest.raises(UserError, match=words):
        cli.split_flags(argv, ("config", "workdir"), ("dry_run",))


@pytest.mark.parametrize("word", ["--dry-run=True", "--dry-run=true", "--dry-run"])
def test_a_switch_may_be_given_as_true(word):
    assert cli.split_flags([word], (), ("dry_run",)).plain["dry_run"].lower() == "true"


def test_flags_in_both_spellings():
    argv = ["--config", "a.py:q", "--workdir=w", "--dry-run", "--config.optim.lr=1"]
    argv += ["--config.seed", "2"]
    flags = cli.split_flags(argv, ("config", "workdir"), ("dry_run",))
    assert flags.plain == {"config": "a.py:q", "workdir": "w", "dry_run": "True"}
    assert flags.overrides == (("optim.lr", "1"), ("seed", "2"))


def test_a_missing_config_file_names_the_nearest():
    with pytest.raises(UserError, match="did you mean"):
        cli.load_study(f"{ROOT}/configs/bm.py")
    with pytest.raises(UserError, match="unknown variant 'quik'; did you mean 'quick'"):
        cli.load_study(f"{ROOT}/configs/bn.py:quik")


@pytest.mark.parametrize("text, words", [
    ("import jaxcifar\n\nimport nowhere\n", ":3: ModuleNotFoundError: No module named 'nowhere'"),
    ("def get_config(variant):\n    return 1 +\n", ":2: SyntaxError: invalid syntax"),
    ("def get_config():\n    return 1\n", ": TypeError: get_config() takes 0 positional"),
    ("def get_config(variant):\n    return variant.upper()\n", ":2: AttributeError: 'NoneType'"),
])  # fmt: skip
def test_a_config_file_s_own_mistakes_name_its_line(text, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(text)
    with pytest.raises(UserError) as error:
        cli.load_study("mine.py")
    assert str(error.value).startswith("mine.py") and words in str(error.value)


def test_a_reader_who_has_seen_enough_is_no_success(tmp_path):
    """As of any command in a pipe: what it had to do may be unfinished."""
    code = (
        "import sys\nfrom jaxcifar import cli\n"
        "def work(argv):\n    print('x' * 1_000_000)\n    sys.stdout.flush()\n"
        "sys.exit(cli.run(work, []))"
    )
    words = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} | head -c 1 > {tmp_path}/out"
    done = subprocess.run(["bash", "-c", words + "; exit ${PIPESTATUS[0]}"], capture_output=True)
    assert (done.returncode, done.stderr) == (141, b"")


def test_debug_is_every_command_s(capsys):
    def refuse(argv):
        raise UserError(f"got {argv}")

    assert cli.run(refuse, ["names", "--debug"]) == 2
    said = capsys.readouterr().err
    assert "Traceback" in said and said.endswith("error: got ['names']\n")


def test_an_interrupt_is_told_without_a_traceback(capsys):
    def interrupted(argv):
        raise KeyboardInterrupt

    assert cli.run(interrupted, []) == 130
    assert capsys.readouterr().err == "interrupted\n"
    with pytest.raises(KeyboardInterrupt):
        cli.run(interrupted, ["--debug"])
