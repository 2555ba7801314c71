"""`load`: full sets, their fingerprints and labels, limits."""

import hashlib

import numpy as np
import pytest

from jaxcifar.core.errors import UserError
from jaxcifar.data import Dataset, from_records, load
from jaxcifar.data.dataset import KNOWN, KNOWN_FILES, UNRECOGNISED, digests, fingerprint, recognise
from jaxcifar.data.formats.layouts import BINARY
from jaxcifar.data.sources import user_cache


def test_full_set(random_set):
    parent, records = random_set
    data = load("cifar10", str(parent))
    assert data.train_images.shape == (50_000, 32, 32, 3) and data.train_images.dtype == np.uint8
    assert data.test_images.shape == (10_000, 32, 32, 3) and data.test_images.dtype == np.uint8
    assert data.train_labels.dtype == data.test_labels.dtype == np.uint8
    assert np.array_equal(data.train_labels, records[:50_000, 0])
    assert np.array_equal(data.test_labels, records[50_000:, 0])
    assert np.array_equal(data.test_images[7, :, :, 2].ravel(), records[50_007, 2049:])
    assert data.label == UNRECOGNISED
    assert data.source == str(parent / BINARY.folder)
    files = [hashlib.sha256((parent / BINARY.folder / name).read_bytes()) for name in BINARY.files]
    hexes = [file.hexdigest() for file in files]
    assert data.fingerprint == fingerprint(hexes[:5], hexes[5:])


def test_one_changed_pixel_or_label_changes_the_fingerprint():
    records = np.zeros((12, 3073), np.uint8)
    prints = {fingerprint(digests(records), digests(records[:3]))}
    for row, column in ((0, 0), (11, 3072), (5, 100)):
        changed = records.copy()
        changed[row, column] = 1
        prints.add(fingerprint(digests(changed), digests(records[:3])))
    prints.add(fingerprint(digests(records[:11]), digests(records[:3])))
    prints.add(fingerprint(digests(records), digests(records[:2])))
    assert len(prints) == 6


def test_development_limits(random_set):
    _, records = random_set
    data = from_records(records, "here", 300, 20)
    assert data.train_images.shape == (300, 32, 32, 3) and data.test_labels.shape == (20,)
    assert np.array_equal(data.train_labels, records[:300, 0])
    expected = fingerprint(digests(records[:300]), digests(records[50_000:50_020]))
    assert data.fingerprint == expected


@pytest.mark.parametrize("limits", [{"n_train": 0}, {"n_train": 50_001}, {"n_test": 10_001}])
def test_limits_out_of_range_are_refused_before_anything_is_read(limits):
    (name, value), *_ = limits.items()
    with pytest.raises(UserError, match=rf"data.{name} is {value}\nallowed: 1 to \d+,000, or None"):
        load("cifar10", "/nowhere", **limits)
    with pytest.raises(UserError, match=r"data.n_test is 0\nallowed: 1 or more"):
        load("synthetic", None, n_test=0)


def test_unknown_name_is_refused():
    with pytest.raises(UserError, match="unknown data set 'cifar-10'; did you mean 'cifar10'?"):
        load("cifar-10", None)


def test_synthetic_with_a_directory_is_refused():
    with pytest.raises(
        UserError, match="data.dir is '/x', but the synthetic set reads no files\nleave"
    ):
        load("synthetic", "/x")


def test_nothing_is_made_up_where_there_is_no_data():
    with pytest.raises(UserError, match="no CIFAR-10 found"):
        load("cifar10", None, environ={})
    assert not user_cache({}).exists()


def test_known_sets():
    """Pinned: these say whose bytes a run saw. They change only with the published sets."""
    official = "eebcec5787f87a47f4185628abd1b6afafe4995279140945f292062ea843ad72"
    assert KNOWN[official] == recognise(official) == "CIFAR-10"
    assert sorted(KNOWN.values()) == ["CIFAR-10", "CIFAR-10 (JPEG)"]
    assert recognise("0" * 64) == UNRECOGNISED
    files = [file for six in KNOWN_FILES.values() for file in six]
    assert len(set(files)) == 12 and {len(file) for file in files} == {64}


def test_small_synthetic_set():
    data = load("synthetic", None, n_train=30, n_test=20, seed=3)
    assert isinstance(data, Dataset) and data.label == "synthetic"
    assert data.source == "generated from seed 3: 30 train, 20 test"
    assert len(data.fingerprint) == 64
    assert data.fingerprint != load("synthetic", None, n_train=30, n_test=20).fingerprint


@pytest.mark.data
@pytest.mark.slow
def test_every_layout_of_the_real_images_is_the_same_set(jpeg_set):
    names = (
        "cifar-10-batches-bin",
        "cifar-10-batches-py",
        "cifar-10-binary.tar.gz",
        "cifar-10-python.tar.gz",
    )
    for name in names:
        data = load("cifar10", str(jpeg_set / name))
        assert data.label == "CIFAR-10 (JPEG)"
        assert data.source == str(jpeg_set / name)
        assert data.fingerprint == KNOWN_JPEG
        pixels = [hashlib.sha256(x).hexdigest() for x in (data.train_images, data.test_images)]
        assert pixels == JPEG_PIXELS
    limited = load("cifar10", str(jpeg_set), n_train=10, n_test=10)
    assert limited.label == "CIFAR-10 (JPEG)" and limited.fingerprint != KNOWN_JPEG


KNOWN_JPEG = "ff2b1bd3e3a724f3ea34c974d31c887ca38e3e7a1708433adb26f983f73eafc2"
JPEG_PIXELS = [  # as its preparing script pins them, in row, column, channel order
    "5aaf8a2cf2e577ff4dbb15e4f368840fab5aca1812bcc69682005f8dc661d466",
    "b7018a062865e9348a704e72416eb53c816b43cc8ac42ab43276a2b967508ab6",
]
