"""A CIFAR-10 that TFDS prepared as array_record, read without TensorFlow and without a network.

Reading decodes 60,000 examples one by one, some 20 seconds, so the records are kept in the user
cache under the identity of the files they came from.
"""

import contextlib
import hashlib
import logging
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from jaxcifar.core.errors import UserError
from jaxcifar.data.dataset import N_TEST, N_TRAIN, RECORD, Bytes, to_records
from jaxcifar.data.looking import unreadable

_SPLITS = (("train", N_TRAIN), ("test", N_TEST))
_WHOLE = (N_TRAIN + N_TEST, RECORD)
_log = logging.getLogger(__name__)


def read_tfds(folder: Path, cache: Path | None) -> Bytes:
    """All records of a prepared set, in the published order.

    Args: folder: holds dataset_info.json; cache: where the decoded records may be kept, if any.
    Returns: (60000, 3073) uint8, the train split first.
    Raises: UserError: not the cifar10 of TFDS, unreadable, or damaged.
    """
    kept = None if cache is None else cache / f"tfds-{_identity(folder)}.npz"
    records = None if kept is None else _kept_records(kept)
    if records is None:
        records = np.concatenate([read_split(folder, name, n) for name, n in _SPLITS])
        if kept is not None:
            _keep(kept, records)
    return records


def read_split(folder: Path, split: str, records: int) -> Bytes:
    """One split in the order of its `id` feature, which counts the published order.

    Returns: (records, 3073) uint8. Raises: UserError: as `read_tfds`.
    """
    try:
        return _decode(folder, split, records)
    except UserError:
        raise
    except Exception as error:  # TFDS and its readers raise whatever they like on damaged files
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{folder}: TFDS cannot read the {split} split ({type(error).__name__}: {reason})\n"
            "expected cifar10 3.0.2 as array_record\n"
            "prepare it again, or `python -m jaxcifar.data prepare`"
        ) from error


def _decode(folder: Path, split: str, records: int) -> Bytes:
    import tensorflow_datasets as tfds  # slow to import, and needed here only

    source: Any = tfds.builder_from_directory(folder).as_data_source(split)
    if len(source) != records:
        raise _wrong(folder, split, f"holds {len(source):,} examples", f"{records:,}")
    images = np.empty((records, 32, 32, 3), np.uint8)
    labels = np.full(records, 255, np.uint8)
    for example in tqdm(source, desc=f"decoding {split}", disable=None, leave=False):
        index = int(example["id"].decode().removeprefix(f"{split}_"))
        images[index], labels[index] = example["image"], example["label"]
    if np.max(labels) > 9:
        record = int(np.argmax(labels > 9))
        raise _wrong(folder, split, f"lacks example {record:,}", "each `id` once")
    return to_records(images, labels)


def _wrong(folder: Path, split: str, came: str, expected: str) -> UserError:
    return UserError(
        f"{folder}: the {split} split {came}\nexpected {expected}\n"
        "prepare it again, or `python -m jaxcifar.data prepare`"
    )


def _identity(folder: Path) -> str:
    """Of the files as they lie there: any rewrite changes it."""
    try:
        files = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
    except OSError as error:
        raise unreadable(folder, error) from None
    listing = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in files]
    return hashlib.sha256(repr((str(folder.resolve()), listing)).encode()).hexdigest()[:16]


def _kept_records(path: Path) -> Bytes | None:
    """None where there are none, or not whole: a zip file checks its members' sums."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            records = archive["records"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return records if records.shape == _WHOLE else None


def _keep(path: Path, records: Bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.savez(file, records=records)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        _log.warning("the decoded records are not kept in %s: %s", path, error)
