"""Pickles are read without being executed."""

import os
import pickle

import numpy as np
import pytest
from layout_files import python_batch, random_records

from jaxcifar.core.errors import UserError
from jaxcifar.data.formats.layouts import parse_python
from jaxcifar.data.formats.pickle_opcodes import read_pickle

RECORDS = random_records(1200)  # more than cPickle appends at a time
BATCH = python_batch(RECORDS)


def test_agrees_with_what_the_pickle_says():
    batch = read_pickle(BATCH, "x")
    assert set(batch) == {b"batch_label", b"labels", b"data", b"filenames"}
    assert batch[b"batch_label"] == b"training batch 1 of 5"
    assert batch[b"filenames"][1199] == b"frog_01199.png"
    assert batch[b"labels"] == RECORDS[:, 0].tolist()
    assert batch[b"data"].dtype == np.uint8 and np.array_equal(batch[b"data"], RECORDS[:, 1:])
    assert np.array_equal(parse_python(BATCH, "x", records=1200), RECORDS)


def test_the_file_under_test_is_a_real_pickle():
    """Guards the writer of these tests, with the library's own reader on our own bytes."""
    batch = pickle.loads(BATCH, encoding="bytes")
    assert np.array_equal(batch[b"data"], RECORDS[:, 1:])


class _Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_malicious_pickle_is_refused_and_not_executed(tmp_path, protocol):
    target = str(tmp_path / "executed")
    content = pickle.dumps({b"data": _Evil(target)}, protocol)
    with pytest.raises(UserError, match="nothing was executed"):
        read_pickle(content, "data_batch_1")
    assert not os.path.exists(target)


def test_refusals_name_opcode_and_offset():
    evil = b"\x80\x02}q\x01(U\x04datacposix\nsystem\nU\x02ls\x85Ru."
    with pytest.raises(UserError) as caught:
        read_pickle(evil, "data_batch_1")
    first = str(caught.value).splitlines()[0]
    assert first == (
        "data_batch_1: opcode b'c' at byte offset 12 names 'posix.system', which no published "
        "batch file does,"
    )
    call = b"\x80\x02}q\x01(U\x04datacnumpy\ndtype\nU\x02f8K\x00K\x01\x87Ru."
    with pytest.raises(UserError, match="opcode b'R' at byte offset 34 calls something other"):
        read_pickle(call, "x")
    with pytest.raises(UserError, match="opcode b'X' at byte offset 3 is not one of a published"):
        read_pickle(b"\x80\x02}X\x01\x00\x00\x00a", "x")


@pytest.mark.parametrize(
    "old, new",
    [
        (b"U\x02u1", b"U\x02f8"),
        (b"U\x02u1K\x00K\x01\x87R", b"U\x02u1K\x00K\x02\x87R"),
        (b"(K\x01M\xb0\x04", b"(K\x01M\xb1\x04"),  # 1,201 rows
        (b"(K\x01M\xb0\x04", b"(K\x02M\xb0\x04"),
        (b"tb\x89T", b"tbNT"),
        (b"K\x00\x85U\x01b\x87R", b"K\x01\x85U\x01b\x87R"),
        (b"]q\x05", b"}q\x05"),
        (b"\x80\x02}q\x01(", b"\x80\x02}q\x01 "),
        (b"\x80\x02}q\x01(", b"\x80\x02}q\x01"),
        (b"\x80\x02", b"\x80\x03"),
        (b"u.", b"u.junk"),
        (b"u.", b"uN."),
        (b"U\x0bbatch_label", b"K\x01"),
    ],
)
def test_other_programs_are_refused(old, new):
    assert old in BATCH
    with pytest.raises(UserError, match="at byte offset .*\n.*nothing was executed"):
        read_pickle(BATCH.replace(old, new, 1) if old != b"u." else BATCH[:-2] + new, "x")


@pytest.mark.parametrize("size", [0, 1, 40, 5000, len(BATCH) - 1])
def test_truncated_file_is_refused(size):
    with pytest.raises(UserError, match=f"x: {size:,} bytes, so it ends inside .* byte offset"):
        read_pickle(BATCH[:size], "x")


def test_missing_or_misshapen_parts_are_refused():
    with pytest.raises(UserError, match=r"'data' is \(1200, 3072\)\nexpected an array \(9, 3072\)"):
        parse_python(BATCH, "x", records=9)
    with pytest.raises(UserError, match=r"x: 'data' is NoneType"):
        parse_python(b"\x80\x02}q\x01.", "x")
    data = python_batch(RECORDS[:2])
    with pytest.raises(UserError, match="'labels' is NoneType\nexpected a list of 2"):
        parse_python(data.replace(b"labels", b"LABELS"), "x", records=2)
    label = b"]q\x05(K" + bytes([RECORDS[0, 0]])
    with pytest.raises(UserError, match="'labels' is 1 entries\nexpected a list of 2"):
        parse_python(data.replace(label, b"]q\x05("), "x", records=2)
    with pytest.raises(UserError, match="'labels' holds None\nexpected integers"):
        parse_python(data.replace(label, b"]q\x05(N"), "x", records=2)
