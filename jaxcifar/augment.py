"""Random flips and crops of uint8 images, and their normalisation, inside the compiled step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar.errors import unknown

PADDING = 4  # pixels on each side of a cropped image

Augmentation = Callable[[jax.Array, jax.Array], jax.Array]


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


# To add one: a pure function (key, images) -> images of the same shape and dtype, and a row here.
AUGMENTATIONS: Mapping[str, Augmentation] = {"hflip": hflip, "vflip": vflip, "crop": crop}


def augment(key: jax.Array, images: jax.Array, names: Sequence[str]) -> jax.Array:
    """Apply augmentations in the given order, each with the key of its position.

    Args:
        key: one random key a batch.
        images: (N, H, W, C) uint8.
        names: rows of `AUGMENTATIONS`; empty leaves the images alone.

    Raises:
        UserError: an unknown name.
    """
    for position, name in enumerate(names):
        if name not in AUGMENTATIONS:
            raise unknown("augmentation", name, AUGMENTATIONS)
        images = AUGMENTATIONS[name](jax.random.fold_in(key, position), images)
    return images


def normalise(images: jax.Array, mean: Any, std: Any, dtype: Any = jnp.float32) -> jax.Array:
    """``(images / 255 - mean) / std`` for each channel, as one multiply-add.

    Args:
        images: (N, H, W, C) uint8.
        mean, std: (C,) for pixels in [0, 1]; given as numbers, the two constants of the
            multiply-add are rounded once, from float64.
        dtype: of the result; computed in float32 at least.
    """
    if not isinstance(mean, jax.Array) and not isinstance(std, jax.Array):
        mean, std = np.asarray(mean, np.float64), np.asarray(std, np.float64)
    compute = jnp.promote_types(dtype, jnp.float32)
    scale, shift = (
        jnp.asarray(channel, compute).reshape(1, 1, 1, -1)
        for channel in (1 / (255 * std), -mean / std)
    )
    return (images.astype(compute) * scale + shift).astype(dtype)


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
