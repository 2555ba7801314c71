"""Sets in TFDS's array_record form, written and read without TensorFlow."""

import sys

import numpy as np
import pytest
from layout_files import random_records

from jaxcifar.core.errors import UserError
from jaxcifar.data import load
from jaxcifar.data.formats import tfds_reader
from jaxcifar.data.formats.tfds_reader import read_split, read_tfds
from jaxcifar.data.formats.tfds_writer import write_tfds

TRAIN, TEST = random_records(30), random_records(12, seed=1)


@pytest.fixture(scope="module")
def small_set(tmp_path_factory):
    out = tmp_path_factory.mktemp("tfds")
    write_tfds(TRAIN, TEST, out)
    return out / "cifar10" / "3.0.2"


def test_round_trip_in_published_order(small_set):
    assert np.array_equal(read_split(small_set, "train", 30), TRAIN)
    assert np.array_equal(read_split(small_set, "test", 12), TEST)
    assert "tensorflow" not in sys.modules


def test_tfds_itself_finds_the_set(small_set):
    import tensorflow_datasets as tfds

    home = small_set.parent.parent
    source = tfds.data_source("cifar10", split="test", data_dir=home, download=False)
    assert len(source) == 12
    index = int(source[0]["id"].decode().removeprefix("test_"))
    assert source[0]["label"] == TEST[index, 0]


@pytest.mark.reliability("T10")
def test_wrong_number_of_examples_is_refused(small_set):
    with pytest.raises(UserError, match="the train split holds 30 examples\nexpected 31\nprepare"):
        read_split(small_set, "train", 31)


@pytest.mark.reliability("T10")
def test_damaged_set_is_refused(small_set, tmp_path):
    for name in ("dataset_info.json", "features.json"):
        (tmp_path / name).write_bytes((small_set / name).read_bytes())
    with pytest.raises(UserError, match=r"TFDS cannot read the train split .*\nexpected cifar10 3"):
        read_split(tmp_path, "train", 30)


def test_decoded_records_are_kept_until_the_files_change(small_set, tmp_path, monkeypatch):
    read = []

    def decode(folder, split, records):
        read.append(split)
        return np.zeros((records, 3073), np.uint8)

    monkeypatch.setattr(tfds_reader, "read_split", decode)
    monkeypatch.setattr(tfds_reader, "_SPLITS", (("train", 30), ("test", 12)))
    monkeypatch.setattr(tfds_reader, "_WHOLE", (42, 3073))
    cache = tmp_path / "cache"
    assert read_tfds(small_set, cache).shape == (42, 3073)
    assert read_tfds(small_set, cache).shape == (42, 3073)
    assert read == ["train", "test"]
    (kept,) = cache.iterdir()
    kept.write_bytes(kept.read_bytes()[:-100])  # damaged: read again, kept again
    read_tfds(small_set, cache)
    read_tfds(small_set, cache)
    assert read == ["train", "test"] * 2
    monkeypatch.setattr(tfds_reader, "_identity", lambda folder: "changed")
    read_tfds(small_set, cache)
    assert read == ["train", "test"] * 3


def test_identity_is_that_of_the_files(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    first = tfds_reader._identity(tmp_path)
    assert tfds_reader._identity(tmp_path) == first
    (tmp_path / "a").write_bytes(b"22")
    assert tfds_reader._identity(tmp_path) != first


def test_an_unwritable_cache_is_no_error(small_set, tmp_path, caplog):
    (tmp_path / "file").touch()
    tfds_reader._keep(tmp_path / "file" / "x.npz", TRAIN)
    assert "are not kept in" in caplog.text


@pytest.mark.slow
def test_full_set_through_load(random_set, tmp_path, monkeypatch):
    """Minutes on two busy cores: 60,000 examples are encoded and decoded one by one."""
    parent, records = random_set
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    write_tfds(records[:50_000], records[50_000:], tmp_path)
    by_tfds, by_folder = load("cifar10", None), load("cifar10", str(parent))
    assert by_tfds.source == str(tmp_path / "cifar10" / "3.0.2")
    assert by_tfds.fingerprint == by_folder.fingerprint
    assert np.array_equal(by_tfds.test_images, by_folder.test_images)
