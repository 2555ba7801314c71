"""Folders and archives: equal content from every layout, and what is refused."""

import gzip
import pickle
import zlib

import numpy as np
import pytest
from layout_files import (
    SMALL,
    SMALL_BINARY,
    SMALL_LAYOUTS,
    pack,
    pack_bytes,
    python_batch,
    random_records,
    write_set,
)

from jaxcifar.core.errors import UserError
from jaxcifar.data.dataset import to_images, to_records
from jaxcifar.data.formats.layouts import BINARY, parse_binary, parse_python
from jaxcifar.data.formats.readers import read_archive, read_folder

RECORDS = random_records(6 * SMALL)


@pytest.mark.parametrize("layout", SMALL_LAYOUTS, ids=["binary", "python"])
def test_folder_and_archive_give_the_records(tmp_path, layout):
    folder = write_set(tmp_path / layout.folder, layout, RECORDS)
    assert np.array_equal(read_folder(folder, layout), RECORDS)
    archive = pack(folder, tmp_path / "any-name.tar.gz")
    assert np.array_equal(read_archive(archive, SMALL_LAYOUTS), RECORDS)


@pytest.mark.reliability("T11")
def test_members_are_found_by_name_wherever_they_claim_to_lie(tmp_path):
    folder = write_set(tmp_path / "set", SMALL_BINARY, RECORDS)
    files = {f"../../{path.name}": path.read_bytes() for path in folder.iterdir()}
    archive = pack_bytes(tmp_path / "a.tar.gz", files | {"../../evil": b"x"})
    before = {path for path in tmp_path.parent.rglob("*") if path.is_file()}
    assert np.array_equal(read_archive(archive, SMALL_LAYOUTS), RECORDS)
    assert {path for path in tmp_path.parent.rglob("*") if path.is_file()} == before


def test_planes_become_pixels():
    record = np.zeros((1, 3073), np.uint8)
    record[0, 0], record[0, 1 + 1024 + 2 * 32 + 5] = 7, 99  # green, row 2, column 5
    images, labels = to_images(record)
    assert labels.tolist() == [7] and images[0, 2, 5].tolist() == [0, 99, 0] and images.sum() == 99
    assert np.array_equal(to_records(images, labels), record)


@pytest.mark.reliability("T10")
@pytest.mark.parametrize("size", [0, 3073 * 2 + 100, 3073 * 4])
def test_wrong_size_is_refused(size):
    with pytest.raises(UserError) as caught:
        parse_binary(bytes(size), "data_batch_1.bin", records=3)
    message = str(caught.value)
    assert f"data_batch_1.bin: {size:,} bytes, so it ends at byte offset {size:,}" in message
    assert f"record {size // 3073}" in message
    assert "expected 9,219 bytes: 3 records of 3,073" in message


@pytest.mark.reliability("T10")
def test_too_large_file_is_refused_unread(tmp_path):
    folder = write_set(tmp_path / "set", SMALL_BINARY, RECORDS)
    with (folder / "test_batch.bin").open("ab") as file:
        file.truncate(10**12)  # sparse: reading it would take minutes
    with pytest.raises(UserError, match=r"test_batch.bin: 1,000,000,000,000 bytes\nexpected at"):
        read_folder(folder, SMALL_BINARY)


@pytest.mark.reliability("T10")
def test_label_out_of_range_is_refused_with_record_and_offset():
    records = random_records(5)
    records[3, 0] = 10
    with pytest.raises(UserError, match=r"record 3 \(byte offset 9,219\) has label 10\nlabels are"):
        parse_binary(records.tobytes(), "x.bin", records=5)
    with pytest.raises(UserError, match=r"x: record 3 has label 10\nlabels are 0 to 9"):
        parse_python(python_batch(records), "x", records=5)


@pytest.mark.reliability("T10")
@pytest.mark.parametrize("layout", SMALL_LAYOUTS, ids=["binary", "python"])
def test_missing_batches_are_named(tmp_path, layout):
    folder = write_set(tmp_path / layout.folder, layout, RECORDS)
    (folder / layout.files[2]).unlink()
    archive = pack(folder, tmp_path / "a.tar.gz")
    for read in (lambda: read_folder(folder, layout), lambda: read_archive(archive, SMALL_LAYOUTS)):
        with pytest.raises(UserError) as caught:
            read()
        message = str(caught.value)
        assert f"lacks {layout.files[2]}\n" in message
        assert f"expected the files of {layout.folder}" in message


@pytest.mark.reliability("T10")
def test_archive_of_something_else_is_refused(tmp_path):
    archive = pack_bytes(tmp_path / "a.tar.gz", {"train.bin": b"x"})
    with pytest.raises(UserError, match="lacks data_batch_1.bin, .*\nexpected the files of cifar"):
        read_archive(archive)


HUNDREDS = {
    "python": {f"cifar-100-python/{name}": b"x" for name in ("train", "test", "meta")},
    "binary": {f"cifar-100-binary/{name}": b"x" for name in ("train.bin", "test.bin")},
    "loose": {name: b"x" for name in ("./train", "./test", "./meta", "./file.txt~")},
    "moved": {"data/train.bin": b"x", "data/test.bin": b"x"},
    "folder": {"cifar-100-python/only": b"x"},
}


@pytest.mark.reliability("T10")
@pytest.mark.parametrize("kind", HUNDREDS)
def test_an_archive_of_cifar_100_is_called_by_its_name(tmp_path, kind):
    with pytest.raises(UserError, match="c.tgz: this is CIFAR-100, another data set\nexpected the"):
        read_archive(pack_bytes(tmp_path / "c.tgz", HUNDREDS[kind]))


@pytest.mark.parametrize("field", [b"fine_labels", "fine_labels", "coarse_labels"])
def test_a_batch_of_cifar_100_under_another_name_is_called_by_its_own(field):
    batch = pickle.dumps({field: [0], b"data": np.zeros((1, 3072), np.uint8)}, 4)
    with pytest.raises(UserError, match="data_batch_1: this is CIFAR-100, another data set\n"):
        parse_python(batch, "data_batch_1")


@pytest.mark.parametrize("records", [10_000, 50_000])
def test_a_binary_file_of_cifar_100_under_another_name_is_told_by_its_size(tmp_path, records):
    folder = tmp_path / "set"
    folder.mkdir()
    for name in BINARY.files:
        with (folder / name).open("wb") as file:
            file.truncate(records * 3074)
    with pytest.raises(UserError, match="bytes, the size of CIFAR-100, another data set\n"):
        read_folder(folder, BINARY)


def _flipped(content, place):
    spoiled = bytearray(content)
    spoiled[place] ^= 1
    return bytes(spoiled)


def _with_tail(content, level=1):
    """Packed again with megabytes behind the last batch."""
    return gzip.compress(gzip.decompress(content) + bytes(2**22), level)


def _broken_block(content):
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    packed = deflate.compress(gzip.decompress(content) + bytes(2**22))
    return packed + deflate.flush(zlib.Z_FULL_FLUSH) + b"\xff"  # a block of a type that is not


DAMAGED = {
    "empty": lambda whole: b"",
    "one byte": lambda whole: whole[:1],
    "cut in the header": lambda whole: whole[:7],
    "cut at the first block": lambda whole: whole[:40],
    "cut": lambda whole: whole[: len(whole) // 2],
    "cut at the end": lambda whole: whole[:-1],
    "method": lambda whole: _flipped(whole, 2),
    "tar header": lambda whole: _flipped(whole, 200),  # of the first member
    "label or opcode": lambda whole: _flipped(whole, 1800),
    "last pixel": lambda whole: _flipped(whole, -len(whole) // 3),
    "sum": lambda whole: _flipped(_with_tail(whole), -8),
    "length": lambda whole: _flipped(_with_tail(whole), -1),
    "block": _broken_block,
    "more behind": lambda whole: whole + b"behind",
}


@pytest.mark.reliability("T10")
@pytest.mark.parametrize("layout", SMALL_LAYOUTS, ids=["binary", "python"])
@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_archive_is_called_damaged(tmp_path, kind, layout):
    """Whatever its content seems to be by then: the sum at gzip's end has the first word."""
    folder = write_set(tmp_path / "set", layout, RECORDS)
    content = DAMAGED[kind](pack(folder, tmp_path / "whole.tar.gz").read_bytes())
    path = tmp_path / "spoiled.tar.gz"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_archive(path, SMALL_LAYOUTS)
    lines = str(caught.value).splitlines()
    said = f"{path}: cannot be read as a .tar.gz of {len(content):,} bytes: it is damaged ("
    assert lines[0].startswith(said) and len(lines) == 3
    assert lines[1] == "expected a whole cifar-10-binary.tar.gz or cifar-10-python.tar.gz"


NO_ARCHIVES = {
    "it is something else, or damaged at its start": b"<html>Not Found</html>",
    "it is a whole gzip file, but of no tar archive": gzip.compress(b"not a tar"),
}


@pytest.mark.reliability("T10")
@pytest.mark.parametrize("said", NO_ARCHIVES)
def test_what_is_no_archive_is_called_so(tmp_path, said):
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(NO_ARCHIVES[said])
    with pytest.raises(UserError, match=rf"{path.name}: cannot be .*: {said} \("):
        read_archive(path)


def test_a_file_of_cifar_100_that_is_no_archive_is_called_by_its_name(tmp_path):
    path = tmp_path / "cifar-100-python" / "train"
    path.parent.mkdir()
    path.write_bytes(b"\x80\x02")
    with pytest.raises(UserError, match="it lies in CIFAR-100, another data set"):
        read_archive(path)


def test_unreadable_file_is_refused(tmp_path, monkeypatch):
    folder = write_set(tmp_path / "set", SMALL_BINARY, RECORDS)

    def fail(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(folder), "read_bytes", fail)
    with pytest.raises(UserError, match=r"data_batch_1.bin: cannot be read \(Permission denied\)"):
        read_folder(folder, SMALL_BINARY)
