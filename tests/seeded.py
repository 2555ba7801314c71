"""Weights, images and probes drawn from seeds with NumPy alone, for recorder and tests alike.

Every draw has its own seed, made of the array's PyTorch name: no order matters, and only shapes
need to be recorded.
"""

import math
import zlib
from collections.abc import Mapping

import numpy as np

PLACES = 8
"""Entries of an array that a summary keeps."""


def generator(*words: str | int) -> np.random.Generator:
    """A generator of its own for these words."""
    return np.random.default_rng([zlib.crc32(str(word).encode()) for word in words])


def weights(shapes: Mapping[str, tuple[int, ...]], gain: float) -> dict[str, np.ndarray]:
    """A PyTorch state dict in float64; kernels have variance gain / fan_in."""
    return {key: _draw(key, tuple(shape), shapes, gain) for key, shape in shapes.items()}


def _draw(
    key: str, shape: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]], gain: float
) -> np.ndarray:
    rng = generator("weights", key)
    module, _, kind = key.rpartition(".")
    if kind == "running_var":
        return rng.uniform(0.5, 1.5, shape)
    normal = rng.standard_normal(shape)
    if len(shape) > 1:
        return normal * math.sqrt(gain / math.prod(shape[1:]))
    # Biases of 1 behind BatchNorm leave a sixth of the units off: deep networks stay conditioned.
    normed = f"{module}.running_var" in shapes
    if kind == "weight":  # of BatchNorm, or a PReLU's slope
        return 0.1 * normal + (1.0 if normed else 0.25)
    return 0.1 * normal + (1.0 if kind == "mix" or (normed and kind == "bias") else 0.0)


def batch(size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (size, 3, 32, 32) float64, of mean 0 and variance 1, and labels (size,) in 0..9."""
    rng = generator("batch", seed)
    return rng.standard_normal((size, 3, 32, 32)), rng.integers(0, 10, size)


def summary(key: str, array: np.ndarray) -> np.ndarray:
    """An array in 2 + PLACES numbers: norm, product with a vector of signs, seeded entries."""
    rng, flat = generator("probe", key), np.asarray(array, np.float64).ravel()
    signs = 2.0 * rng.integers(0, 2, flat.size, dtype=np.int8) - 1
    places = rng.integers(0, flat.size, PLACES)
    return np.array([np.linalg.norm(flat), signs @ flat, *flat[places]])


def distances(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How far each summary (a row) is from the wanted one, by the norm of the wanted array.

    A bias that BatchNorm takes away again has no gradient: both rows hold rounding alone, and are
    measured by the norm of all arrays together.
    """
    norms = wanted[:, 0]
    total = np.linalg.norm(norms)
    scales = np.where(norms < 1e-9 * total, total, norms)
    return np.abs(found - wanted).max(axis=1) / scales
