"""Pickles are read without being executed."""

import contextlib
import io
import os
import pickle
import pickletools

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


def as_numpy_1(content):
    """What the same pickle is where NumPy still calls its insides numpy.core."""
    out = bytearray()
    opcodes = [*pickletools.genops(content)]
    ends = [position for _, _, position in opcodes[1:]] + [len(content)]
    for (opcode, text, start), end in zip(opcodes, ends, strict=True):
        if opcode.name == "SHORT_BINUNICODE" and text.startswith("numpy._core"):
            text = text.replace("_core", "core").encode()
            out += b"\x8c" + bytes([len(text)]) + text
        elif opcode.name == "GLOBAL":
            out += content[start:end].replace(b"numpy._core", b"numpy.core")
        elif opcode.name != "FRAME":  # frames tell lengths, and may be left out
            out += content[start:end]
    return bytes(out)


def by_python(batch, protocol):
    """The pickler written in Python leaves out other memos than the one in C."""
    file = io.BytesIO()
    pickle._Pickler(file, protocol).dump(batch)
    return file.getvalue()


WRITERS = {
    "c": pickle.dumps,
    "python": by_python,
    "optimised": lambda batch, protocol: pickletools.optimize(pickle.dumps(batch, protocol)),
    "numpy 1": lambda batch, protocol: as_numpy_1(pickle.dumps(batch, protocol)),
}


def in_columns(batch):
    return {k: np.asfortranarray(v) if isinstance(v, np.ndarray) else v for k, v in batch.items()}


@pytest.mark.filterwarnings("ignore:numpy.core")  # NumPy 2 still knows it
@pytest.mark.parametrize("change", [dict, in_columns])
@pytest.mark.parametrize("encoding", ["bytes", "latin1"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("writer", WRITERS)
def test_what_python_3_writes_again_is_the_same_batch(writer, protocol, encoding, change):
    loaded = change(pickle.loads(BATCH, encoding=encoding))
    content = WRITERS[writer](loaded, protocol)
    again = pickle.loads(content)
    assert again.keys() == loaded.keys()  # the writers of this test write what they should
    assert b"numpy._core" in content or writer == "numpy 1"
    batch = read_pickle(content, "x")
    assert batch[b"filenames"][1199] == b"frog_01199.png"
    assert batch[b"batch_label"] == b"training batch 1 of 5"
    assert np.array_equal(parse_python(content, "x", records=1200), RECORDS)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_batch_without_a_label_or_of_one_record_is_read(protocol):
    """No bytes at all are a call in protocol 2; a single entry has opcodes of its own."""
    one = pickle.loads(python_batch(RECORDS[:1]), encoding="bytes")
    content = pickle.dumps(one | {b"batch_label": b""}, protocol)
    assert read_pickle(content, "x")[b"batch_label"] == b""
    assert np.array_equal(parse_python(content, "x", records=1), RECORDS[:1])
    alone = pickle.dumps({b"data": one[b"data"]}, protocol)
    assert np.array_equal(read_pickle(alone, "x")[b"data"], RECORDS[:1, 1:])


OTHER_ARRAYS = {
    "floats": np.zeros((2, 3072)),
    "signed": np.zeros((2, 3072), np.int8),
    "words": np.zeros((2, 3072), ">u2"),
    "objects": np.array([None, 1]),
    "every second": np.zeros((4, 3072), np.uint8)[::2, :9],
    "records": np.zeros(2, "u1,u1"),
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", OTHER_ARRAYS)
def test_arrays_of_another_kind_are_refused(kind, protocol):
    content = pickle.dumps({b"data": OTHER_ARRAYS[kind], b"labels": [0, 1]}, protocol)
    with pytest.raises(UserError) as caught:
        parse_python(content, "x", records=2)
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("spoil", [0.5, 0.9, 0.999])
def test_a_cut_pickle_of_python_3_is_refused(protocol, spoil):
    content = pickle.dumps(pickle.loads(BATCH, encoding="bytes"), protocol)
    with pytest.raises(UserError, match="so it ends inside what starts at byte offset"):
        read_pickle(content[: int(spoil * len(content))], "x")


@pytest.mark.reliability("T11")
def test_any_changed_byte_gives_a_batch_or_a_refusal():
    """Never another error."""
    small = pickle.loads(python_batch(RECORDS[:1]), encoding="bytes")
    small[b"data"] = small[b"data"][:, :40]
    draw = np.random.default_rng(0)
    for protocol in range(2, 6):
        content = pickle.dumps(small, protocol)
        for place in range(len(content)):
            for value in draw.integers(0, 256, 8):
                spoiled = bytearray(content)
                spoiled[place] = value
                with contextlib.suppress(UserError):
                    read_pickle(bytes(spoiled), "x")


class _Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.reliability("T11")
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
    with pytest.raises(UserError, match="opcode b'o' at byte offset 4 is not one of a published"):
        read_pickle(b"\x80\x02}(o.", "x")


@pytest.mark.reliability("T11")
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
        (b"\x80\x02", b"\x80\x01"),
        (b"\x80\x02", b"\x80\x06"),
        (b"]q\x05", b"h\x63"),  # what nothing was put under
        (b"]q\x05", b"h\x01"),  # the dict itself
        (b"K\x00\x85U\x01b\x87R", b"K\x00\x85U\x01b\x86R"),
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
