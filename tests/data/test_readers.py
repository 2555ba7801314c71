"""Folders and archives: equal content from every layout, and what is refused."""

import gzip
import zlib

import numpy as np
import pytest
from layout_files import (
    SMALL,
    SMALL_BINARY,
    SMALL_LAYOUTS,
    SMALL_PYTHON,
    pack,
    pack_bytes,
    python_batch,
    random_records,
    write_set,
)

from jaxcifar.core.errors import UserError
from jaxcifar.data.dataset import to_images, to_records
from jaxcifar.data.formats.layouts import parse_binary, parse_python
from jaxcifar.data.formats.readers import read_archive, read_folder

RECORDS = random_records(6 * SMALL)


@pytest.mark.parametrize("layout", SMALL_LAYOUTS, ids=["binary", "python"])
def test_folder_and_archive_give_the_records(tmp_path, layout):
    folder = write_set(tmp_path / layout.folder, layout, RECORDS)
    assert np.array_equal(read_folder(folder, layout), RECORDS)
    archive = pack(folder, tmp_path / "any-name.tar.gz")
    assert np.array_equal(read_archive(archive, SMALL_LAYOUTS), RECORDS)


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


@pytest.mark.parametrize("size", [0, 3073 * 2 + 100, 3073 * 4])
def test_wrong_size_is_refused(size):
    with pytest.raises(UserError) as caught:
        parse_binary(bytes(size), "data_batch_1.bin", records=3)
    message = str(caught.value)
    assert f"data_batch_1.bin: {size:,} bytes, so it ends at byte offset {size:,}" in message
    assert f"record {size // 3073}" in message
    assert "expected 9,219 bytes: 3 records of 3,073" in message


def test_too_large_file_is_refused_unread(tmp_path):
    folder = write_set(tmp_path / "set", SMALL_BINARY, RECORDS)
    with (folder / "test_batch.bin").open("ab") as file:
        file.truncate(10**12)  # sparse: reading it would take minutes
    with pytest.raises(UserError, match=r"test_batch.bin: 1,000,000,000,000 bytes\nexpected at"):
        read_folder(folder, SMALL_BINARY)


def test_label_out_of_range_is_refused_with_record_and_offset():
    records = random_records(5)
    records[3, 0] = 10
    with pytest.raises(UserError, match=r"record 3 \(byte offset 9,219\) has label 10\nlabels are"):
        parse_binary(records.tobytes(), "x.bin", records=5)
    with pytest.raises(UserError, match=r"x: record 3 has label 10\nlabels are 0 to 9"):
        parse_python(python_batch(records), "x", records=5)


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


def test_archive_of_something_else_is_refused(tmp_path):
    archive = pack_bytes(tmp_path / "a.tar.gz", {"train.bin": b"cifar-100"})
    with pytest.raises(UserError, match="lacks data_batch_1.bin, .*\nexpected the files of cifar"):
        read_archive(archive)


def test_damaged_archives_are_refused(tmp_path):
    folder = write_set(tmp_path / "set", SMALL_PYTHON, RECORDS)
    whole = pack(folder, tmp_path / "whole.tar.gz").read_bytes()
    flipped = bytearray(whole)
    flipped[-len(whole) // 3] ^= 1  # one bit of a stored pixel: only gzip's own sum notices
    tail = bytearray(gzip.compress(gzip.decompress(whole) + bytes(2**22), 1))
    tail[-8] ^= 1  # the sum itself, megabytes behind the last batch
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    packed = deflate.compress(gzip.decompress(whole) + bytes(2**22))
    packed += deflate.flush(zlib.Z_FULL_FLUSH) + b"\xff"  # a block of a type that is not
    cases = {
        "cut": whole[: len(whole) // 2],
        "flipped": bytes(flipped),
        "tail": bytes(tail),
        "packed": packed,
        "none": b"not gzip",
    }
    for name, content in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            read_archive(path, SMALL_LAYOUTS)
        message = str(caught.value)
        assert f"{path}: cannot be read as a .tar.gz of {len(content):,} bytes" in message
        assert "expected a whole cifar-10-binary.tar.gz or cifar-10-python.tar.gz" in message


def test_unreadable_file_is_refused(tmp_path, monkeypatch):
    folder = write_set(tmp_path / "set", SMALL_BINARY, RECORDS)

    def fail(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(folder), "read_bytes", fail)
    with pytest.raises(UserError, match=r"data_batch_1.bin: cannot be read \(Permission denied\)"):
        read_folder(folder, SMALL_BINARY)
