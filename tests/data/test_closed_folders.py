"""Places that another user owns: a message, and never a traceback or other data than asked for."""

import os

import pytest
from layout_files import pack_bytes
from nobody import NOBODY, as_nobody, open_place

from jaxcifar.core.errors import UserError
from jaxcifar.data import load, prepare
from jaxcifar.data.formats.layouts import BINARY, PYTHON
from jaxcifar.data.formats.readers import read_archive, read_folder
from jaxcifar.data.formats.tfds_reader import read_tfds
from jaxcifar.data.sources import locate


@pytest.fixture
def place():
    with open_place() as folder:
        yield folder


def _closed(path, mode=0o000):
    path.chmod(mode)
    return path


def _folder(place, names):
    folder = place / "set"
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


CLOSED = {
    "the folder": lambda place: _closed(_folder(place, BINARY.files)),
    "one that only lists": lambda place: _closed(_folder(place, BINARY.files), 0o444),
    "the one above": lambda place: _closed(_folder(place, BINARY.files)) / "inner",
    "an empty one": lambda place: _closed(_folder(place, ())),
}


@pytest.mark.parametrize("kind", CLOSED)
@pytest.mark.parametrize("by", ["data.dir", "$JAXCIFAR_DATA"])
def test_a_closed_place_named_on_purpose_is_refused(place, kind, by):
    path = str(CLOSED[kind](place))
    with as_nobody(), pytest.raises(UserError) as caught:
        if by == "data.dir":
            load("cifar10", path)
        else:
            load("cifar10", None, environ={"JAXCIFAR_DATA": path})
    first, *rest = str(caught.value).splitlines()
    assert first == f"no CIFAR-10 in {path} ({by}), which cannot be read (Permission denied)"
    assert len(rest) == 2


@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME", "TFDS_DATA_DIR"])
def test_another_user_s_home_is_passed_over(place, variable, monkeypatch):
    """As in a container that runs as somebody else, with the home of its image's user."""
    home = _closed(_folder(place, ()))
    monkeypatch.setenv(variable, str(home))
    environ = {variable: str(home)}
    with as_nobody(), pytest.raises(UserError, match=r"cannot be read \(Permission denied\)"):
        locate(None, environ)
    there = place / "there"
    there.mkdir()
    archive = pack_bytes(there / PYTHON.archive, {})
    with as_nobody():
        assert locate(str(there), environ).path == archive


def test_without_a_home_folder_there_are_only_places_named_on_purpose(tmp_path, monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    with pytest.raises(UserError, match="no CIFAR-10 found in a home folder\npoint to"):
        locate(None, {})
    archive = pack_bytes(tmp_path / BINARY.archive, {})
    assert locate(str(tmp_path), {}).path == archive
    with pytest.raises(UserError, match="lacks data_batch_1.bin"):
        load("cifar10", str(tmp_path), environ={})
    with pytest.raises(UserError, match="no such home folder is known here|no home folder"):
        locate("~nobody-of-this-name/set", {})


READERS = {
    "batch": lambda place: read_folder(_closed(place / "data_batch_1.bin").parent, BINARY_ONE),
    "folder": lambda place: read_folder(_closed(place), BINARY),
    "archive": lambda place: read_archive(_closed(place / "test_batch.bin")),
    "archive's folder": lambda place: read_archive(_closed(place) / "test_batch.bin"),
    "tfds": lambda place: read_tfds(_closed(place), place),
}
BINARY_ONE = BINARY._replace(files=BINARY.files[:1])


@pytest.mark.parametrize("kind", READERS)
def test_what_cannot_be_opened_is_refused(place, kind):
    folder = _folder(place, BINARY.files)
    if os.geteuid() == 0:
        for path in (folder, *folder.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    with as_nobody(), pytest.raises(UserError) as caught:
        READERS[kind](folder)
    lines = str(caught.value).splitlines()
    assert "cannot be read (Permission denied)" in lines[0] and len(lines) == 3


@pytest.mark.parametrize("make", [prepare.prepare_binary, prepare.prepare_tfds])
def test_preparing_where_nothing_may_be_written_is_refused(place, make):
    out = _closed(_folder(place, ()))
    with as_nobody(), pytest.raises(UserError, match="cannot be written: Permission denied\n"):
        make(out, archive=place / "none.tar.gz")
