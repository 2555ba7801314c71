"""A group's folder: whose numerics it holds, and who trains in it."""

import dataclasses
import errno
import hashlib
import json
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import tiny
from places import ROOT

from jaxcifar.config import Study, population, replace
from jaxcifar.core import files
from jaxcifar.core.errors import UserError
from jaxcifar.records import folder, formats

STUDY = Study("tiny", tiny.BASE)


def changed(**changes):
    fields = {path.replace("__", "."): value for path, value in changes.items()}
    return dataclasses.replace(STUDY, base=replace(STUDY.base, fields))


@pytest.mark.parametrize("change", [
    {"deterministic": False}, {"checkpoint__keep_every": "1 epoch"},
    {"checkpoint__save_every": "5 steps"}, {"data__dir": "/elsewhere"},
])  # fmt: skip
def test_what_cannot_change_a_number_changes_no_folder_and_no_member(change):
    assert folder.default_workdir(changed(**change)) == folder.default_workdir(STUDY)
    one, two = (population.identity(study.base, "data") for study in (changed(**change), STUDY))
    assert one == two


@pytest.mark.parametrize("change", [{"seed": 1}, {"data__name": "cifar10"}, {"optim__lr": 0.2}])
def test_what_can_has_a_folder_of_its_own(change):
    assert folder.default_workdir(changed(**change)) != folder.default_workdir(STUDY)


def test_default_folders_are_named_after_the_whole_base():
    text = json.dumps(population.content(STUDY.base), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    assert str(folder.default_workdir(STUDY)) == f"runs/tiny-{digest}"


def test_a_folder_whose_first_write_was_cut_is_new(tmp_path, monkeypatch):
    """By a full disk, of which nothing is left; by a kill, of which a part is."""

    def full(file):
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match="no space left"):
            files.write_atomically(tmp_path / "config.json", b"{}")
        assert list(tmp_path.iterdir()) == []
        patch.setattr(Path, "unlink", lambda *_, **__: None)  # as after a kill
        with pytest.raises(OSError, match="no space left"):
            files.write_atomically(tmp_path / "config.json", b"{}")
    assert len(list(tmp_path.iterdir())) == 1
    folder.claim(tmp_path, [], str)


@pytest.mark.parametrize("name", [
    "train.log", ".DS_Store", "Thumbs.db", ".nfs01", "notes/today.txt", "configs/mine.py",
    ".git/HEAD", "data/group.bin", "config.json.bak",
])  # fmt: skip
def test_a_folder_of_what_is_not_ours_may_be_begun_in(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert folder.claim(tmp_path, [], str) == {}


@pytest.mark.parametrize("name", [
    "metrics.jsonl", "steps.npz", "summary.json", "environment.json", "groups/x/lock",
    "figures/loss.png", "report.md", "report.html", "tensorboard/events", "group.json",
    "checkpoints/00000004", "run/groups/x/group.json", "cnn-0123/group.json",
])  # fmt: skip
def test_a_folder_with_part_of_a_run_or_with_runs_is_none_to_begin_in(tmp_path, name):
    """A log beside it makes no difference."""
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    (tmp_path / "train.log").touch()
    with pytest.raises(UserError, match="is no run folder, but holds what is of one"):
        folder.claim(tmp_path, [], str)


def test_a_merged_summary_names_a_rule_only_where_all_groups_have_it(tmp_path):
    formats.write_json(tmp_path / "config.json", {
        "study": "s", "data": {}, "members": [{"id": name, "config": {}} for name in "ab"],
    })  # fmt: skip
    for name, select in (("a", "best"), ("b", "last")):
        path = tmp_path / "groups" / name
        formats.write_json(path / "group.json", {"members": [name], "numerics": {}})
        rules = {"select": select, "select_on": "train"}
        formats.write_json(path / "summary.json", {"members": {name: {"select": select}}} | rules)
    folder.merge(tmp_path)
    assert formats.read_json(tmp_path / "summary.json") == {
        "select_on": "train", "members": {"a": {"select": "best"}, "b": {"select": "last"}},
    }  # fmt: skip


@pytest.mark.reliability("T7")
def test_other_cores_are_refused_unless_told(tmp_path):
    path, members = tmp_path / "g", ["a"]
    assert folder.open_group(path, members, {"cores": 2}, strict=True) == ""
    assert folder.open_group(path, members, {"cores": 2}, strict=True) == ""
    with pytest.raises(UserError, match="cores: 2 there, 1 here"):
        folder.open_group(path, members, {"cores": 1}, strict=True)
    assert "other numerics" in folder.open_group(path, members, {"cores": 1}, strict=False)


def test_a_run_begun_by_other_code_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(folder.provenance, "commit", lambda: "0123456789abcdef")
    folder.open_group(tmp_path / "g", ["a"], {"code": "one"}, strict=True)
    words = "the code of training has changed since 0123456789ab"
    with pytest.raises(UserError, match=words):
        folder.open_group(tmp_path / "g", ["a"], {"code": "two"}, strict=True)


HOLD = """
import sys, time
from pathlib import Path
from jaxcifar.records import folder
with folder.locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.reliability("T12")
def test_a_group_is_trained_by_one_process_at_a_time(tmp_path):
    """The second is told who the first is, again and again; the lock dies with its holder."""
    path = tmp_path / "g"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline() == "held\n"
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(UserError) as error, folder.locked(path):
                pass
            assert f"another process ({first.pid} on {platform.node()})" in str(error.value)
        first.kill()
        first.wait()
        with folder.locked(path):
            assert (path / "lock").read_text().startswith(f"{os.getpid()} on ")
        assert time.monotonic() - began < 1
    with folder.locked(path):
        pass


def test_a_folder_that_was_taken_away_is_no_place_to_write(tmp_path):
    folder.open_group(tmp_path / "g", ["a"], {}, strict=True)
    folder.require_there(tmp_path / "g")
    (tmp_path / "g" / "group.json").unlink()
    with pytest.raises(UserError, match="g is gone: it was removed or moved"):
        folder.require_there(tmp_path / "g")


@pytest.mark.parametrize("number, said", [
    (errno.EWOULDBLOCK, "being trained by another process"),
    (errno.EACCES, "being trained by another process"),  # as some systems say it
    (errno.ENOLCK, "cannot be locked: No locks available"),
    (errno.ENOTSUP, "cannot be locked: Operation not supported"),
    (errno.ENOSYS, "cannot be locked: Function not implemented"),
])  # fmt: skip
def test_a_file_system_without_locks_is_no_other_process(tmp_path, monkeypatch, number, said):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(folder.fcntl, "flock", refuse)
    with pytest.raises(UserError, match=said) as refused:
        with folder.locked(tmp_path / "g"):
            pass
    assert len(str(refused.value).splitlines()) <= 3


@pytest.mark.parametrize("locks", [True, False])
def test_groups_merge_one_after_another(tmp_path, monkeypatch, locks):
    """Whoever is last reads what the others have written; without locks nobody waits."""
    folder.open_group(tmp_path / "groups" / "g", ["a"], {}, strict=True)
    taken = []
    monkeypatch.setattr(folder, "_merge", lambda workdir: taken.append(workdir))
    if not locks:
        monkeypatch.setattr(folder.fcntl, "flock", _refused)
    with folder._alone(tmp_path / "groups"):
        other = threading.Thread(target=folder.merge, args=(tmp_path,))
        other.start()
        other.join(0.3)
        assert taken == ([] if locks else [tmp_path])
    other.join(5)
    assert taken == [tmp_path]


def _refused(*_):
    raise OSError(errno.ENOLCK, "No locks available")
