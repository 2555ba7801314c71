"""`prepare` and `check`: what they write and say, and their exit status."""

import functools
import hashlib
import subprocess
import sys
import time

import numpy as np
import pytest
from layout_files import SMALL, SMALL_BINARY, SMALL_LAYOUTS, pack, random_records, write_set

from jaxcifar.core.errors import UserError
from jaxcifar.data import prepare
from jaxcifar.data.__main__ import main
from jaxcifar.data.download import Remote
from jaxcifar.data.formats import readers
from jaxcifar.data.formats.layouts import BINARY, PYTHON
from jaxcifar.data.formats.tfds_reader import read_split
from jaxcifar.data.sources import locate, tfds_home, user_cache

RECORDS = random_records(6 * SMALL)


@pytest.fixture
def small(monkeypatch):
    """`prepare` takes sets of seven records a batch for whole ones."""
    monkeypatch.setattr(prepare, "BINARY", SMALL_BINARY)
    read_small = functools.partial(readers.read_archive, layouts=SMALL_LAYOUTS)
    monkeypatch.setattr(prepare, "read_archive", read_small)


def _archive(folder):
    return pack(write_set(folder / PYTHON.folder, PYTHON, RECORDS), folder / PYTHON.archive)


def test_from_an_archive_of_the_other_layout(small, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["prepare", "--from", str(_archive(tmp_path)), "--out", str(out)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"prepared {out / BINARY.folder}, CIFAR-10 (unrecognised bytes), finger")
    assert [path.name for path in out.iterdir()] == [BINARY.folder]
    folder = out / BINARY.folder
    assert np.array_equal(readers.read_folder(folder, SMALL_BINARY), RECORDS)
    classes = (folder / "batches.meta.txt").read_bytes()
    assert hashlib.sha256(classes).hexdigest() == (  # of the published file
        "558e74b5e208382e186da55784b4bac2cd52e558448e1b5800990fdb28ed8033"
    )
    assert main(command) == 0
    assert capsys.readouterr().out.startswith(f"already there: {folder}, CIFAR-10 (unrec")


def test_the_user_cache_is_where_it_goes_and_where_it_is_found(small, tmp_path, capsys):
    assert main(["prepare", "--from", str(_archive(tmp_path))]) == 0
    assert str(user_cache()) in capsys.readouterr().out
    assert locate(None).path == user_cache() / BINARY.folder


def test_a_download_is_unpacked_and_removed(small, tmp_path):
    archive, out = _archive(tmp_path), tmp_path / "out"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    prepare.prepare_binary(out, remote=Remote(archive.as_uri(), digest))
    assert [path.name for path in out.iterdir()] == [BINARY.folder]
    with pytest.raises(UserError, match="expected 000.*; nothing of it was kept"):
        prepare.prepare_binary(tmp_path / "b", remote=Remote(archive.as_uri(), "0" * 64))
    assert list((tmp_path / "b").iterdir()) == []


def test_a_damaged_archive_leaves_nothing(tmp_path):
    archive, out = tmp_path / "a.tar.gz", tmp_path / "out"
    archive.write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    with pytest.raises(UserError, match="cannot be read as a .tar.gz"):
        prepare.prepare_binary(out, remote=Remote(archive.as_uri(), digest))
    assert list(out.iterdir()) == []


def test_a_damaged_folder_in_the_way_is_not_replaced(tmp_path):
    folder = tmp_path / BINARY.folder
    folder.mkdir()
    (folder / "test_batch.bin").write_bytes(b"mine")
    with pytest.raises(UserError, match="lacks data_batch_1.bin.*\n.*\nnext: remove .* and run"):
        prepare.prepare_binary(tmp_path)
    assert (folder / "test_batch.bin").read_bytes() == b"mine"


def test_unwritable_folder_is_refused(small, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written: .*\nexpected .*\nnext: choose another"):
        prepare.prepare_binary(tmp_path / "file", _archive(tmp_path))


def test_tfds_form(small, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(prepare, "N_TRAIN", 5 * SMALL)
    command = ["prepare", "--format", "tfds", "--from", str(_archive(tmp_path))]
    assert main(command) == 0
    folder = tfds_home() / "cifar10" / "3.0.2"
    assert capsys.readouterr().out.startswith(f"prepared {folder}, CIFAR-10 (unrecognised")
    assert locate(None)[:2] == (folder, "tfds")
    assert np.array_equal(read_split(folder, "test", SMALL), RECORDS[5 * SMALL :])
    assert main(command) == 0
    assert capsys.readouterr().out.startswith(f"already there: {folder}; see `python -m")


@pytest.mark.slow
def test_a_whole_archive_is_prepared(random_set, tmp_path):
    parent, records = random_set
    archive = pack(parent / BINARY.folder, tmp_path / "a.tar.gz")
    prepare.prepare_binary(tmp_path, archive)
    assert np.array_equal(readers.read_folder(tmp_path / BINARY.folder, BINARY), records)


def test_check_says_what_would_be_used(random_set, capsys):
    parent, _ = random_set
    assert main(["check", "--dir", str(parent)]) == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["source"] == f"{parent / BINARY.folder} (folder, from data.dir)"
    assert rows["label"] == "CIFAR-10 (unrecognised bytes)"
    assert rows["official"].startswith("not known")
    assert rows["images"] == "50,000 train, 10,000 test"
    assert len(rows["fingerprint"]) == 64


@pytest.mark.reliability("T14")
def test_no_data_ends_at_once_with_status_2(tmp_path):
    """In a fresh process, timed: no network is waited for, nothing else is used instead."""
    began = time.monotonic()
    command = [sys.executable, "-m", "jaxcifar.data", "check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2 and ended.stdout == ""
    assert time.monotonic() - began < 8
    lines = ended.stderr.splitlines()
    assert len(lines) == 3 and lines[0].startswith("error: no CIFAR-10 found in ")
    assert not user_cache().exists()


@pytest.mark.parametrize("argv", [[], ["chek"], ["prepare", "--format", "npz"]])
def test_wrong_command_lines_have_status_2(argv, capsys):
    assert main(argv) == 2
    assert "usage" in capsys.readouterr().err


def test_help(capsys):
    assert main(["prepare", "--help"]) == 0
    assert "--from" in capsys.readouterr().out


def test_the_command_line_imports_neither_jax_nor_tfds():
    code = "import sys, jaxcifar.data.__main__; sys.exit(len({'jax', 'tensorflow_datasets', "
    code += "'PIL'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
