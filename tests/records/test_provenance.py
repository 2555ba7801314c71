"""Which commit a run is said to be made from."""

import re
import subprocess

import pytest

from jaxcifar.records import provenance


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True)


@pytest.fixture
def theirs(tmp_path):
    """A repository of somebody's own, with a commit."""
    git(tmp_path, "init")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".gitignore").write_text("ignored\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "theirs")
    return tmp_path


def put(folder):
    folder.mkdir(parents=True)
    path = folder / "provenance.py"
    path.write_text("")
    return path


SITE = ".venv/lib/python3.11/site-packages/jaxcifar/records"


@pytest.mark.parametrize("place", [SITE, "ignored/records", "vendored"])
def test_a_repository_around_the_package_is_not_its_own(theirs, place):
    assert provenance.commit(put(theirs / place)) is None


def test_tracked_files_have_a_commit(theirs):
    path = put(theirs / "jaxcifar" / "records")
    git(theirs, "add", "jaxcifar")
    git(theirs, "commit", "-m", "ours")
    assert re.fullmatch("[0-9a-f]{40}", provenance.commit(path))
    path.write_text("changed")
    assert re.fullmatch("[0-9a-f]{40}-dirty", provenance.commit(path))


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"])
def test_a_hook_of_another_repository_has_no_say(theirs, tmp_path_factory, monkeypatch, name):
    """Git tells hooks their repository by the environment; it is not that of the package."""
    path = put(theirs / "jaxcifar" / "records")
    git(theirs, "add", "jaxcifar")
    git(theirs, "commit", "-m", "ours")
    known = provenance.commit(path)
    monkeypatch.setenv(name, str(tmp_path_factory.mktemp("other")))
    assert known is not None and provenance.commit(path) == known


def test_outside_of_git_there_is_none(tmp_path):
    assert provenance.commit(put(tmp_path / "records")) is None


def test_without_git_there_is_none(theirs, monkeypatch):
    monkeypatch.setenv("PATH", str(theirs))
    assert provenance.commit(theirs / "notes.txt") is None
