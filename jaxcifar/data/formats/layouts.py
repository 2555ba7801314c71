"""The two published layouts: their file names, and one batch file's bytes to records.

Source: Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009, and the data page
https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import reprlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxcifar.core.errors import UserError
from jaxcifar.data.dataset import BATCH, RECORD, Bytes
from jaxcifar.data.formats import other_sets
from jaxcifar.data.formats.pickle_opcodes import read_pickle

AGAIN = "fetch that file again, or `python -m jaxcifar.data prepare`"


def parse_binary(content: bytes, name: str, records: int = BATCH) -> Bytes:
    """One binary batch file to records.

    Args: content: the file's bytes; name: what to call it in errors; records: how many it holds.
    Returns: (records, 3073) uint8, a view of `content`.
    Raises: UserError: wrong size, or a label outside 0..9.
    """
    if len(content) != records * RECORD:
        raise UserError(
            f"{name}: {len(content):,} bytes, so it ends at byte offset {len(content):,} in "
            f"record {len(content) // RECORD:,}\n"
            f"expected {records * RECORD:,} bytes: {records:,} records of {RECORD:,}\n{AGAIN}"
        )
    found = np.frombuffer(content, np.uint8).reshape(records, RECORD)
    _check_labels(found[:, 0], name, lambda record: f" (byte offset {record * RECORD:,})")
    return found


def parse_python(content: bytes, name: str, records: int = BATCH) -> Bytes:
    """One python batch file to records, without executing the pickle.

    Args: content: the file's bytes; name: what to call it in errors; records: how many it holds.
    Returns: (records, 3073) uint8.
    Raises: UserError: not the opcodes of such a file, wrong shapes, a label outside 0..9.
    """
    batch = read_pickle(content, name)
    if another := other_sets.by_fields(batch):
        raise UserError(f"{name}: this is {another}\nexpected a batch of CIFAR-10\n{AGAIN}")
    data, labels = batch.get(b"data"), batch.get(b"labels")
    if not isinstance(data, np.ndarray) or data.shape != (records, RECORD - 1):
        what = data.shape if isinstance(data, np.ndarray) else type(data).__name__
        raise UserError(
            f"{name}: 'data' is {what}\nexpected an array ({records}, {RECORD - 1})\n{AGAIN}"
        )
    if not isinstance(labels, list) or len(labels) != records:
        what = f"{len(labels)} entries" if isinstance(labels, list) else type(labels).__name__
        raise UserError(f"{name}: 'labels' is {what}\nexpected a list of {records}\n{AGAIN}")
    wrong = [label for label in labels if type(label) is not int]
    if wrong:
        raise UserError(
            f"{name}: 'labels' holds {reprlib.repr(wrong[0])}\nexpected integers 0 to 9\n{AGAIN}"
        )
    _check_labels(np.array(labels), name, lambda record: "")
    return np.concatenate([np.array(labels, np.uint8)[:, None], data], axis=1)


def _check_labels(labels: np.ndarray, name: str, where: Callable[[int], str]) -> None:
    wrong = np.flatnonzero((labels < 0) | (labels > 9))
    if len(wrong):
        record = int(wrong[0])
        raise UserError(
            f"{name}: record {record:,}{where(record)} has label {labels[record]}\n"
            f"labels are 0 to 9\n{AGAIN}"
        )


class Layout(NamedTuple):
    """A published layout: its folder, its files (five of the train split, then the test split).

    `parse(content, name)` gives (10000, 3073) uint8; no file is larger than `largest` bytes.
    """

    folder: str
    archive: str
    files: tuple[str, ...]
    parse: Callable[[bytes, str], Bytes]
    largest: int


_STEMS = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
BINARY = Layout(
    "cifar-10-batches-bin",
    "cifar-10-binary.tar.gz",
    tuple(f"{stem}.bin" for stem in _STEMS),
    parse_binary,
    BATCH * RECORD,
)
PYTHON = Layout("cifar-10-batches-py", "cifar-10-python.tar.gz", _STEMS, parse_python, 2**26)
LAYOUTS = (BINARY, PYTHON)
