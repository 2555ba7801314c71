"""CIFAR-10 as uint8 arrays in memory, from whichever published form lies on this machine."""

import os
from collections.abc import Mapping
from pathlib import Path

from jaxcifar.core.errors import UserError, unknown
from jaxcifar.data import gaussian, synthetic
from jaxcifar.data.channel_statistics import NORMALISATIONS, Normalisation, channel_statistics
from jaxcifar.data.dataset import (
    CLASSES,
    N_TEST,
    N_TRAIN,
    Bytes,
    Dataset,
    digests,
    fingerprint,
    recognise,
    to_images,
    to_records,
)
from jaxcifar.data.formats.readers import read_archive, read_folder
from jaxcifar.data.formats.tfds_reader import read_tfds
from jaxcifar.data.sources import Source, locate, user_cache
from jaxcifar.data.splits import split

__all__ = [
    "CLASSES",
    "CLASS_NAMES",
    "NORMALISATIONS",
    "Dataset",
    "Normalisation",
    "channel_statistics",
    "load",
    "split",
]

CLASS_NAMES = {"cifar10": CLASSES, "synthetic": synthetic.CLASSES, "gaussian": gaussian.CLASSES}
"""The data sets, and what their labels 0..9 stand for."""

GENERATED = {
    "synthetic": ("synthetic", synthetic),
    "gaussian": ("synthetic Gaussian points", gaussian),
}
"""Those made from a seed: what they are called, and the module that makes them."""


def load(
    name: str,
    dir: str | None,
    *,
    n_train: int | None = None,
    n_test: int | None = None,
    seed: int = 0,
    environ: Mapping[str, str] = os.environ,
) -> Dataset:
    """The images of a config's `data` part.

    Args:
        name: "cifar10", from the first place that has it (see `sources.locate`), "synthetic", or
            "gaussian", ten numbers in each image.
        dir: where CIFAR-10 lies; None looks in the usual places.
        n_train, n_test: use the first so many; None: all 50,000 and 10,000, of the synthetic set
            10,000 and 2,000, of the Gaussian one 1,000 each (any number is allowed there).
        seed: of what is made from one.
    Raises: UserError: no data, damaged data, an unknown name, a number out of range.
    """
    if name in GENERATED:
        if dir is not None:
            raise UserError(
                f"data.dir is {dir!r}, but the {name} set reads no files\n"
                "leave data.dir out, or use data.name=cifar10"
            )
        return _generated(name, n_train, n_test, seed)
    if name != "cifar10":
        raise unknown("data set", name, CLASS_NAMES)
    _check_limit("n_train", n_train, N_TRAIN)
    _check_limit("n_test", n_test, N_TEST)
    source = locate(dir, environ)
    return from_records(read(source, environ), str(source.path), n_train, n_test)


def read(source: Source, environ: Mapping[str, str] = os.environ) -> Bytes:
    """All records of a source, (60000, 3073) uint8, the train split first."""
    if source.kind == "archive":
        return read_archive(source.path)
    if source.layout is not None:
        return read_folder(source.path, source.layout)
    return read_tfds(source.path, _cache(environ))


def _cache(environ: Mapping[str, str]) -> Path | None:
    try:
        return user_cache(environ)
    except UserError:  # no home folder, as for a user without a name in a container
        return None


def from_records(
    records: Bytes, where: str, n_train: int | None = None, n_test: int | None = None
) -> Dataset:
    """The data set of a whole CIFAR-10's records, or of the beginning of its splits."""
    whole = digests(records)
    label = recognise(fingerprint(whole[:5], whole[5:]))
    train, test = records[:N_TRAIN][:n_train], records[N_TRAIN:][:n_test]
    if (len(train), len(test)) != (N_TRAIN, N_TEST):
        used = fingerprint(digests(train), digests(test))
    else:
        used = fingerprint(whole[:5], whole[5:])
    return Dataset(*to_images(train), *to_images(test), label, used, where)


def _generated(name: str, n_train: int | None, n_test: int | None, seed: int) -> Dataset:
    label, made = GENERATED[name]
    n_train = made.N_TRAIN if n_train is None else n_train
    n_test = made.N_TEST if n_test is None else n_test
    _check_limit("n_train", n_train, None)
    _check_limit("n_test", n_test, None)
    train: tuple[Bytes, Bytes] = made.generate(n_train, seed, 0)
    test: tuple[Bytes, Bytes] = made.generate(n_test, seed, 1)
    used = fingerprint(digests(to_records(*train)), digests(to_records(*test)))
    source = f"generated from seed {seed}: {n_train:,} train, {n_test:,} test"
    return Dataset(*train, *test, label, used, source)


def _check_limit(field: str, value: int | None, largest: int | None) -> None:
    if value is None or (value >= 1 and (largest is None or value <= largest)):
        return
    allowed = "1 or more" if largest is None else f"1 to {largest:,}, or None for all"
    raise UserError(f"data.{field} is {value}\nallowed: {allowed}")
