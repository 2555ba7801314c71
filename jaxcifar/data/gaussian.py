"""Points of ten Gaussian numbers, as images: what a deep linear network is trained on.

Images, because that is what every part of the package takes. A number is the mean of a band of
three rows: of its 288 bytes as many are one brighter as make that mean. So it comes in steps of
1.4e-4 standard deviations and is off by at most 7e-5; beyond 5 (one number in two million) it is
cut off.

The label is the largest of ten outputs of one fixed matrix of Gaussian entries, which a linear
network can learn. All draws are `numpy.random.PCG64.random_raw`, whose stream NumPy promises to
keep; point i depends on (seed, split, i) alone, the matrix on the seed.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from jaxcifar.core.number_bands import DEVIATIONS, NUMBERS, ROWS

N_TRAIN, N_TEST = 1_000, 1_000
CLASSES = tuple(f"output {number}" for number in range(NUMBERS))
_BYTES = ROWS * 32 * 3  # of a number
_TEACHER = 2  # the stream that follows those of the splits
_GREY = 128


def generate(n: int, seed: int, split: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The first `n` points and labels of one split (0 train, 1 test).

    Returns: images (n, 32, 32, 3) uint8, labels (n,) uint8 in 0..9.
    """
    sums = np.rint(_BYTES * 255 * (0.5 + _normal(n, seed, split) / (2 * DEVIATIONS)))
    sums = np.clip(sums, 0, _BYTES * 255).astype(np.int64)
    whole, brighter = np.divmod(sums, _BYTES)
    bands = whole[..., None] + (np.arange(_BYTES) < brighter[..., None])
    images = np.full((n, 32, 32, 3), _GREY, np.uint8)
    images[:, : NUMBERS * ROWS] = bands.reshape(n, NUMBERS * ROWS, 32, 3)
    return images, labels_of(numbers_of(images), seed)


def numbers_of(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The numbers (n, 10) that images hold, in standard deviations."""
    bands = images[:, : NUMBERS * ROWS].reshape(len(images), NUMBERS, _BYTES)
    return (bands.mean(-1, dtype=np.float64) / 255 - 0.5) * 2 * DEVIATIONS


def labels_of(numbers: NDArray[np.float64], seed: int) -> NDArray[np.uint8]:
    """Which of ten outputs of the seed's matrix is the largest for each point: (n,) in 0..9.

    Sums are taken in one order everywhere, so that no matrix library decides a label.
    """
    matrix = _normal(NUMBERS, seed, _TEACHER)
    outputs = sum(number[:, None] * row for number, row in zip(numbers.T, matrix, strict=True))
    return np.argmax(outputs, axis=1).astype(np.uint8)


def _normal(n: int, seed: int, stream: int) -> NDArray[np.float64]:
    """(n, 10) standard normal numbers; fewer are the beginning of more."""
    raw = np.random.PCG64(np.random.SeedSequence([seed, stream])).random_raw(n * NUMBERS)
    uniform = ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return np.array([*map(NormalDist().inv_cdf, uniform.tolist())]).reshape(n, NUMBERS)
