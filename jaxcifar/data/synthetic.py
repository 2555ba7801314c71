"""Ten classes of generated textures, for machines without CIFAR-10: no file, only a seed.

Each image shows one texture inside a soft round window on a graded background, under noise. Place,
size, phase, period, colour, contrast and noise level are drawn at random, so that the mean image
of every class is the same grey and a linear classifier on pixels finds next to nothing, while
small filters do. Every class is closed under horizontal and vertical flips, so that the usual
augmentations keep its label.

Determinism: all draws are `numpy.random.PCG64.random_raw`, whose stream NumPy promises to keep;
periodic functions are tables, so that no vector library decides a pixel. Image i depends on
(seed, split, i) alone: a smaller set is the beginning of a larger one.
"""

import statistics
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CLASSES = (
    "horizontal bars",
    "vertical bars",
    "diagonal bars",
    "checks",
    "diamonds",
    "rings",
    "spokes",
    "discs",
    "crosses",
    "mosaic",
)
N_TRAIN, N_TEST = 10_000, 2_000
_CHUNK = 500  # images drawn from one generator
_PARAMETERS = 40  # uniform numbers per image
_CONTRAST = (24.0, 80.0)  # largest channel amplitude, in pixel values
_NOISE = (8.0, 28.0)  # standard deviation, in pixel values
_Y, _X = (axis.reshape(1, 1024) - 15.5 for axis in np.mgrid[0:32, 0:32].astype(np.float64))
_TURN = 1024  # entries of one period
_SINE = np.sin(np.arange(_TURN) * (2 * np.pi / _TURN)).astype(np.float32)
# 256 equally likely values of a standard normal variable: one random byte is one noise value.
_NORMAL = np.array(
    [statistics.NormalDist().inv_cdf((i + 0.5) / 256) for i in range(256)], np.float32
)


def generate(n: int, seed: int, split: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The first `n` images and labels of one split (0 train, 1 test).

    Returns: images (n, 32, 32, 3) uint8, labels (n,) uint8 in 0..9, drawn uniformly.
    """
    chunks = [_chunk(seed, split, start) for start in range(0, n, _CHUNK)]
    images = np.concatenate([images for images, _ in chunks])
    labels = np.concatenate([labels for _, labels in chunks])
    return images[:n], labels[:n]


def _chunk(seed: int, split: int, start: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    bits = np.random.PCG64(np.random.SeedSequence([seed, split, start]))
    labels = (bits.random_raw(_CHUNK) % 10).astype(np.uint8)
    raw = bits.random_raw(_CHUNK * _PARAMETERS).reshape(_CHUNK, _PARAMETERS)
    draws = (raw >> 11).astype(np.float64) * 2.0**-53
    noise = bits.random_raw(_CHUNK * 3072 // 8).astype("<u8").view(np.uint8)
    texture = np.empty((_CHUNK, 1024), np.float32)
    for label, field in enumerate(_FIELDS):
        rows = labels == label
        texture[rows] = field(draws[rows])
    return _paint(texture, draws, noise.reshape(_CHUNK, 3, 1024)), labels


def _paint(texture: NDArray[np.float32], u: Floats, noise: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Texture in [-1, 1] to pixels: window, background, colour, contrast, noise."""
    distance = np.hypot(_X - _between(u, 0, -6, 6), _Y - _between(u, 1, -6, 6))
    window = np.clip((_between(u, 2, 9, 17) - distance) / 3, 0, 1).astype(np.float32)
    angle = 2 * np.pi * u[:, 3:4]
    grade = (np.cos(angle) * _X + np.sin(angle) * _Y).astype(np.float32) / 16
    contrast = u[:, 10:13] - 0.5
    contrast *= _between(u, 13, *_CONTRAST) / np.abs(contrast).max(axis=1, keepdims=True)
    # Planes of 1,024 pixels until the end: NumPy is slow over an innermost axis of three channels.
    pixels: NDArray[np.float32] = _NORMAL[noise] * _planes(_between(u, 14, *_NOISE))
    pixels += (texture * window)[:, None, :] * _planes(contrast)
    pixels += grade[:, None, :] * _planes((u[:, 7:10] - 0.5) * 80)
    pixels += _planes((u[:, 4:7] - 0.5) * 140 + 127.5)
    rounded = np.clip(np.rint(pixels, out=pixels), 0, 255, out=pixels).astype(np.uint8)
    return np.ascontiguousarray(rounded.transpose(0, 2, 1)).reshape(-1, 32, 32, 3)


def _planes(values: Floats) -> NDArray[np.float32]:
    return values.astype(np.float32)[:, :, None]


def _between(u: Floats, column: int, low: float, high: float) -> Floats:
    return low + (high - low) * u[:, column : column + 1]


def _wave(turns: Floats) -> NDArray[np.float32]:
    """Sine of 2 pi `turns`."""
    return _SINE[np.floor(turns * _TURN).astype(np.int64) % _TURN]


def _along(u: Floats, angle: Floats) -> Floats:
    """Coordinate along `angle` (radians) in periods of the image's own length, with its phase."""
    along = np.cos(angle) * _X + np.sin(angle) * _Y
    return along / _between(u, 20, 4, 9) + u[:, 21:22]


def _bars(u: Floats, degrees: Floats | float) -> NDArray[np.float32]:
    angle = np.radians(degrees + _between(u, 22, -12, 12))
    return _wave(_along(u, angle))


def _diagonal(u: Floats) -> NDArray[np.float32]:
    return _bars(u, np.where(u[:, 23:24] < 0.5, 45.0, -45.0))


def _checks(u: Floats, degrees: float) -> NDArray[np.float32]:
    angle = np.radians(degrees + _between(u, 22, -12, 12))
    first, second = _wave(_along(u, angle)), _wave(_along(u, angle + np.pi / 2))
    return np.clip(3 * first * second, -1, 1)


def _rings(u: Floats) -> NDArray[np.float32]:
    radius = np.hypot(_X - _between(u, 24, -8, 8), _Y - _between(u, 25, -8, 8))
    return _wave(radius / _between(u, 20, 4, 9) + u[:, 21:22])


def _spokes(u: Floats) -> NDArray[np.float32]:
    turn = np.arctan2(_Y - _between(u, 24, -6, 6), _X - _between(u, 25, -6, 6)) / (2 * np.pi)
    return _wave(turn * np.floor(_between(u, 20, 4, 9)) + u[:, 21:22])


def _stamps(u: Floats, shape: Callable[[Floats, Floats, Floats], Floats]) -> NDArray[np.float32]:
    """Six copies of a shape (a signed distance, negative inside) at random places."""
    size = _between(u, 20, 2.2, 4.2)
    nearest = np.full((len(u), 1024), np.inf)
    for column in range(24, 36, 2):
        x = _X - _between(u, column, -13, 13)
        y = _Y - _between(u, column + 1, -13, 13)
        nearest = np.minimum(nearest, shape(x, y, size))
    return np.clip(0.5 - nearest, -1, 1).astype(np.float32)


def _disc(x: Floats, y: Floats, size: Floats) -> Floats:
    return np.hypot(x, y) - size


def _cross(x: Floats, y: Floats, size: Floats) -> Floats:
    x, y = np.abs(x), np.abs(y)
    upright = np.maximum(x - 0.8, y - 1.5 * size)
    return np.minimum(upright, np.maximum(y - 0.8, x - 1.5 * size))


def _mosaic(u: Floats) -> NDArray[np.float32]:
    """Square tiles, light or dark by a hash of their row and column."""
    side = _between(u, 20, 2.5, 5)
    column = np.floor((_X + 16) / side + u[:, 21:22])
    row = np.floor((_Y + 16) / side + u[:, 22:23])
    tile = (column * 0.7548776662 + row * 0.5698402910 + u[:, 23:24]) * 977.0
    return np.where(tile * tile % 1.0 < 0.5, -1, 1).astype(np.float32)


_FIELDS: tuple[Callable[[Floats], NDArray[np.float32]], ...] = (
    lambda u: _bars(u, 90.0),
    lambda u: _bars(u, 0.0),
    _diagonal,
    lambda u: _checks(u, 0.0),
    lambda u: _checks(u, 45.0),
    _rings,
    _spokes,
    lambda u: _stamps(u, _disc),
    lambda u: _stamps(u, _cross),
    _mosaic,
)
