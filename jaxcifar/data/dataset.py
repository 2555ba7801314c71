"""What a data set is in memory, how its content is fingerprinted, and which is recognised."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
N_TRAIN, N_TEST = 50_000, 10_000
BATCH = 10_000  # records in a published file, and in a block of the fingerprint
RECORD = 3_073  # one label byte, then the red, the green and the blue plane of 32 rows of 32


class Dataset(NamedTuple):
    """Images in memory, and what they are.

    Fields:
        train_images, test_images: (N, 32, 32, 3) uint8.
        train_labels, test_labels: (N,) uint8 in 0..9.
        label: "CIFAR-10", "CIFAR-10 (JPEG)", "CIFAR-10 (unrecognised bytes)", "synthetic" or
            "synthetic Gaussian points"; names the whole set that was read, also where only its
            beginning is used.
        fingerprint: SHA-256, hexadecimal, of the images and labels here (see `fingerprint`).
        source: the path they were read from, or how they were made.
    """

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes
    label: str
    fingerprint: str
    source: str


def to_images(records: Bytes) -> tuple[Bytes, Bytes]:
    """Records (N, 3073) to images (N, 32, 32, 3) and labels (N,)."""
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, 0].copy()


def to_records(images: Bytes, labels: Bytes) -> Bytes:
    """Images (N, 32, 32, 3) and labels (N,) to records (N, 3073), the inverse of `to_images`."""
    planes = images.transpose(0, 3, 1, 2).reshape(-1, RECORD - 1)
    return np.concatenate([labels[:, None], planes], axis=1)


def digests(records: Bytes) -> list[str]:
    """SHA-256 of each block of 10,000 records: for a published set, of its binary files."""
    blocks = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
    with ThreadPoolExecutor(2) as pool:  # hashlib releases the interpreter lock
        return list(pool.map(lambda block: hashlib.sha256(block.data).hexdigest(), blocks))


def fingerprint(train: Sequence[str], test: Sequence[str]) -> str:
    """SHA-256 over the block digests of both splits, so over every label and pixel in order.

    The blocks are in the binary layout whatever layout was read, so the same content has the
    same fingerprint, and that of the published set follows from its files' published SHA-256.
    """
    lines = [f"train {digest}\n" for digest in train] + [f"test {digest}\n" for digest in test]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


# SHA-256 of data_batch_1.bin to data_batch_5.bin and test_batch.bin. Those of the published files
# are the ones torchvision-ruby checks its downloads against.
KNOWN_FILES = {
    "CIFAR-10": (
        "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
        "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
        "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
        "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
        "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
        "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
    ),
    "CIFAR-10 (JPEG)": (
        "8da035fc1631e8ce5f25904206b8993b0f3ad02a504c0584d662e806fd76c12b",
        "106eeaad9f1fa7a999292fdafe68ee909080f58aee038a76994035aedf40ba26",
        "99cb88ba00fca88bf28c517a74307b6b78a346c6ea747a561cb8e660c787d5cb",
        "76b482bc3bb79c0370e48ea71bb6e4f567a3770d224dc09a9ddc8cfa2369f294",
        "490f5ead4f04a3eb71d5898eb551e0d8d2c592feb778fb9b109a006b3f231495",
        "0ce179d0c0a5220739d6223197952896644ceabb648dacfdebd7f06789af543f",
    ),
}
KNOWN = {fingerprint(files[:5], files[5:]): label for label, files in KNOWN_FILES.items()}
UNRECOGNISED = "CIFAR-10 (unrecognised bytes)"


def recognise(of_whole_set: str) -> str:
    """The label of a whole CIFAR-10 set by its fingerprint.

    "CIFAR-10" means every label and pixel is that of the published set, whatever the layout.
    """
    return KNOWN.get(of_whole_set, UNRECOGNISED)
