"""RandAugment (arXiv:1909.13719) as torchvision 0.28 does it with Pillow images, bit for bit."""

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar.augment import pixels
from jaxcifar.augment.geometry import SIDE, affine, fixed_point

OPERATIONS = (
    "identity", "shear_x", "shear_y", "translate_x", "translate_y", "rotate", "brightness",
    "colour", "contrast", "sharpness", "posterize", "solarize", "autocontrast", "equalize",
)  # fmt: skip
BINS = 31  # magnitudes 0..30
# At magnitude 30: shear, translation in pixels, rotation in degrees, change of a blend's factor.
SHEAR, TRANSLATION, ROTATION, FACTOR = 0.3, 150 / 331 * SIDE, 30.0, 0.9
Place = tuple[jax.Array, jax.Array, jax.Array]  # (N,) operation, magnitude, sign: of the tables


class Strengths(NamedTuple):
    """What each operation does at each magnitude and sign (0 plus, 1 minus)."""

    maps: np.ndarray  # (14, 31, 2, 6) int32, see `geometry.fixed_point`; identity elsewhere
    factors: np.ndarray  # (14, 31, 2) float32 of a blend; 1 elsewhere
    bits: np.ndarray  # (31,) int32, kept by posterize
    thresholds: np.ndarray  # (31,) float32, of solarize


def randaugment(
    key: jax.Array, images: jax.Array, *, randaugment_n: int, randaugment_m: jax.Array
) -> jax.Array:
    """Each image through n operations, drawn for it with replacement from `OPERATIONS`.

    Args:
        key: one random key.
        images: (N, 32, 32, 3) uint8.
        randaugment_n: operations an image.
        randaugment_m: magnitude 0..30, a whole number; may be traced.
    """
    draws = draw_operations(key, images.shape[0], randaugment_n)
    return operate(images, *draws, jnp.asarray(randaugment_m, jnp.int32))


def draw_operations(key: jax.Array, n: int, n_operation: int) -> tuple[jax.Array, jax.Array]:
    """Places in `OPERATIONS`, (n_operation, n) int32, and whether the magnitude is negative."""
    which, sign = jax.random.split(key)
    flat, shape = (n_operation * n,), (n_operation, n)
    operations = jax.random.randint(which, flat, 0, len(OPERATIONS)).reshape(shape)
    return operations, jax.random.bernoulli(sign, 0.5, flat).reshape(shape)


def operate(
    images: jax.Array, operations: jax.Array, negative: jax.Array, magnitude: jax.Array
) -> jax.Array:
    """Each image through its operations.

    Each takes three stages: an affine map, a blend, a change of tones. An operation belongs to one
    of them, and the others leave its images alone: a batch would compute every branch of a switch
    over the operations, and many of them are one computation with other numbers. The loop over
    stages keeps XLA from fusing them, which computes a stage anew for each of its uses: on 2 busy
    CPU cores an operation on 128 images took 54 ms fused and takes 15.

    Args:
        images: (N, 32, 32, 3) uint8.
        operations: (n, N) places in `OPERATIONS`.
        negative: (n, N) bool, the sign of those operations that have one.
        magnitude: int32 0..30, scalar or (N,).
    """
    stages = (_move, _blend, _tone)
    magnitude = jnp.broadcast_to(magnitude, operations.shape[1:])

    def body(index: jax.Array, images: jax.Array) -> jax.Array:
        turn, stage = jnp.divmod(index, len(stages))
        at = (operations[turn], magnitude, negative[turn].astype(jnp.int32))
        return jax.lax.switch(stage, stages, images, at)

    return jax.lax.fori_loop(0, len(stages) * len(operations), body, images)


def _move(images: jax.Array, at: Place) -> jax.Array:
    return affine(images, jnp.asarray(strength_tables().maps)[at])


def _blend(images: jax.Array, at: Place) -> jax.Array:
    luma = pixels.grey(images)
    ends = {
        "colour": luma,
        "contrast": pixels.mean_of(luma),
        "sharpness": pixels.smooth(images).astype(jnp.int32),
    }
    low = _choose(at[0], ends, jnp.zeros_like(luma))
    return pixels.blend(low, images, jnp.asarray(strength_tables().factors)[at])


def _tone(images: jax.Array, at: Place) -> jax.Array:
    bits, thresholds = (jnp.asarray(table)[at[1]] for table in strength_tables()[2:])
    tones = {
        "posterize": pixels.posterize(images, bits),
        "solarize": pixels.solarize(images, thresholds),
        "autocontrast": pixels.autocontrast(images),
        "equalize": pixels.equalize(images),
    }
    return _choose(at[0], tones, images)


def _choose(operation: jax.Array, rows: dict[str, jax.Array], otherwise: jax.Array) -> jax.Array:
    """Image by image the row of its operation; all are (N, H, W, C) or broadcast to it."""
    for name, row in rows.items():
        mine = operation == OPERATIONS.index(name)
        otherwise = jnp.where(mine[:, None, None, None], row, otherwise)
    return otherwise


@cache
def strength_tables() -> Strengths:
    """The tables of torchvision's magnitudes."""
    maps = np.zeros((len(OPERATIONS), BINS, 2, 6))
    maps[..., [0, 4]] = 1
    factors = np.ones((len(OPERATIONS), BINS, 2), np.float32)

    def signed(top: float) -> np.ndarray:
        values = linspace(0, top).astype(np.float64)
        return np.stack([values, -values], -1)

    def row(name: str) -> Any:
        return maps[OPERATIONS.index(name)]

    row("shear_x")[..., 1] = row("shear_y")[..., 3] = signed(SHEAR)
    row("translate_x")[..., 2] = row("translate_y")[..., 5] = -np.trunc(signed(TRANSLATION))
    angle = np.deg2rad(-signed(ROTATION))
    cos, sin, half = np.cos(angle), np.sin(angle), SIDE / 2
    turned = (cos, sin, half - (cos + sin) * half, -sin, cos, half - (cos - sin) * half)
    row("rotate")[...] = np.stack(turned, -1)
    for name in ("brightness", "colour", "contrast", "sharpness"):
        factors[OPERATIONS.index(name)] = 1 + signed(FACTOR)
    bits = 8 - np.round(np.arange(BINS) / ((BINS - 1) / 4)).astype(np.int32)
    return Strengths(fixed_point(maps), factors, bits, linspace(255, 0))


def linspace(start: float, stop: float) -> np.ndarray:
    """(31,) float32 evenly spaced, counted from the nearer end and rounded once, as PyTorch's."""
    first, last = np.float32(start), np.float32(stop)
    step = np.float64((last - first) / np.float32(BINS - 1))
    count = np.arange(BINS)
    upwards, downwards = first + step * count, last - step * count[::-1]
    return np.where(count < BINS // 2, upwards, downwards).astype(np.float32)
