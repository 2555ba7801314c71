"""Moving pixels: flips, padded crops, affine maps and rotations."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

SIDE = 32  # pixels of an image's side

PADDING = 4  # pixels on each side of a cropped image


def hflip(key: jax.Array, images: jax.Array) -> jax.Array:
    """Mirror each image left to right with probability 0.5.

    Args:
        key: one random key; every image draws from its own stream.
        images: (N, H, W, C), any dtype.
    """
    return _flip(key, images, axis=2)


def vflip(key: jax.Array, images: jax.Array) -> jax.Array:
    """Mirror each image top to bottom with probability 0.5; arguments as `hflip`."""
    return _flip(key, images, axis=1)


def crop(key: jax.Array, images: jax.Array) -> jax.Array:
    """A window of the original size at a random place of the image padded by 4 pixels of zeros.

    The row and the column offset are independent and uniform on 0..8 (4 leaves the image alone).
    Zeros are black before normalisation.

    Args:
        key: one random key.
        images: (N, H, W, C), any dtype; shape and dtype are kept.
    """
    n, height, width, _ = images.shape
    rows, columns = crop_offsets(key, n)
    padded = jnp.pad(images, ((0, 0), (PADDING, PADDING), (PADDING, PADDING), (0, 0)))
    padded = _take(padded, rows[:, None] + jnp.arange(height)[None], axis=1)
    return _take(padded, columns[:, None] + jnp.arange(width)[None], axis=2)


def crop_offsets(key: jax.Array, n: int) -> jax.Array:
    """The (2, n) int32 row and column offsets, 0..8, that `crop` uses with this key."""
    # Drawn flat: XLA's CPU backend compiles the generator over one axis several times faster.
    return jax.random.randint(key, (2 * n,), 0, 2 * PADDING + 1).reshape(2, n)


def rotation(key: jax.Array, images: jax.Array, *, rotation_degrees: jax.Array) -> jax.Array:
    """Turn each image about its centre by its own angle, as `rotate` does.

    Args:
        key: one random key.
        images: (N, H, W, C) uint8.
        rotation_degrees: d, scalar; angles are uniform on -d..d degrees.
    """
    turn = jax.random.uniform(key, (images.shape[0],), jnp.float32, minval=-1, maxval=1)
    return rotate(images, turn * rotation_degrees)


def rotate(images: jax.Array, degrees: jax.Array) -> jax.Array:
    """Turn each image counter-clockwise about its centre; nearest pixel, black where none is.

    Args:
        images: (N, H, W, C), any dtype.
        degrees: (N,).
    """
    _, height, width, _ = images.shape
    angle = -jnp.deg2rad(degrees)
    cos, sin, x, y = jnp.cos(angle), jnp.sin(angle), width / 2, height / 2
    matrix = [cos, sin, x - (cos * x + sin * y), -sin, cos, y - (cos * y - sin * x)]
    return affine(images, fixed_point(jnp.stack(matrix, -1), jnp.floor))


def fixed_point(matrices: Any, floor: Callable[[Any], Any] = np.floor) -> Any:
    """Affine maps as 16.16 fixed-point integers, as Pillow takes nearest pixels.

    Args:
        matrices: (..., 6) a, b, c, d, e, f: the result's pixel with its centre at (x, y) comes
            from ``(a x + b y + c, d x + e y + f)``.
        floor: of the library that `matrices` belong to.

    Returns:
        (..., 6) int32; the two shifts are for the centre of the result's first pixel.
    """
    a, b, c, d, e, f = (matrices[..., i] for i in range(6))
    shifted = (a, b, c + a * 0.5 + b * 0.5, d, e, f + d * 0.5 + e * 0.5)
    stack = jnp.stack if isinstance(matrices, jax.Array) else np.stack
    return stack([floor(v * 65536 + 0.5).astype(np.int32) for v in shifted], -1)


def affine(images: jax.Array, fixed: jax.Array) -> jax.Array:
    """Each image seen through its affine map; nearest pixel, black (zero) where none is.

    Args:
        images: (N, H, W, C), any dtype.
        fixed: (N, 6) int32 from `fixed_point`.
    """
    n, height, width, channels = images.shape
    a, b, c, d, e, f = (fixed[:, i, None, None] for i in range(6))
    x, y = jnp.arange(width)[None, None], jnp.arange(height)[None, :, None]
    column, row = (a * x + b * y + c) >> 16, (d * x + e * y + f) >> 16
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    source = jnp.where(inside, row * width + column, 0).reshape(n, -1)
    pixels = images.reshape(n, -1, channels)
    moved = jnp.take_along_axis(pixels, source[..., None], 1, mode="promise_in_bounds")
    return jnp.where(inside[..., None], moved.reshape(images.shape), 0)


def _flip(key: jax.Array, images: jax.Array, axis: int) -> jax.Array:
    size = images.shape[axis]
    forward = jnp.arange(size)[None]
    flipped = jax.random.bernoulli(key, 0.5, (images.shape[0],))[:, None]
    return _take(images, jnp.where(flipped, size - 1 - forward, forward), axis)


def _take(images: jax.Array, indices: jax.Array, axis: int) -> jax.Array:
    """Rows or columns (N, n) of each image, by one gather along one axis.

    Measured on 2 CPU cores with 128 images inside a loop: crop 0.5 ms as two such gathers, 1.4 ms
    with bounds checks, 1.9 ms as vmapped dynamic_slice, 7 ms as one gather of pixels; a flip by
    gather takes 0.5 ms, by select of the reversed images 1.2 ms.
    """
    shape = [indices.shape[0], 1, 1, 1]
    shape[axis] = indices.shape[1]
    return jnp.take_along_axis(images, indices.reshape(shape), axis, mode="promise_in_bounds")
