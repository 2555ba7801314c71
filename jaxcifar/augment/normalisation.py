"""From uint8 pixels to what networks see."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


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
