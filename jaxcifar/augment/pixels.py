"""Pillow's operations on the values of uint8 pixels, bit for bit (Pillow 13), on whole batches.

Images are (N, H, W, 3) uint8 and each has its own parameter (N,). Pillow's means and histograms
are matched where H * W is a power of two.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

LEVELS = 256  # values of a uint8


def brightness(images: jax.Array, factor: jax.Array) -> jax.Array:
    """Blend with black; factor 0 is black, 1 the image."""
    return blend(0, images, factor)


def colour(images: jax.Array, factor: jax.Array) -> jax.Array:
    """Blend with the grey image (saturation); factor 0 is grey, 1 the image."""
    return blend(grey(images), images, factor)


def contrast(images: jax.Array, factor: jax.Array) -> jax.Array:
    """Blend with the mean grey; factor 0 is uniform, 1 the image."""
    return blend(mean_of(grey(images)), images, factor)


def sharpness(images: jax.Array, factor: jax.Array) -> jax.Array:
    """Blend with the smoothed image; factor 0 is smooth, 1 the image, 2 sharpened."""
    return blend(smooth(images), images, factor)


def posterize(images: jax.Array, bits: jax.Array) -> jax.Array:
    """Keep the highest `bits` bits, 1..8."""
    dropped = (8 - bits.astype(jnp.uint8))[:, None, None, None]
    return (images >> dropped) << dropped


def solarize(images: jax.Array, threshold: jax.Array) -> jax.Array:
    """Invert the values that are not below `threshold`."""
    return jnp.where(images < threshold[:, None, None, None], images, 255 - images)


def autocontrast(images: jax.Array) -> jax.Array:
    """Stretch each channel to 0..255: ``(v - lowest) * 255 / (highest - lowest)`` truncated."""
    low, high = (
        reduce(images, axis=(1, 2), keepdims=True).astype(jnp.int32)
        for reduce in (jnp.min, jnp.max)
    )
    above, span = images.astype(jnp.int32) - low, high - low
    stretched = _quotient(above * 255, jnp.maximum(span, 1))
    pattern, patterns = (jnp.asarray(part) for part in _shortfalls())
    stretched -= patterns[pattern[low, span], stretched].astype(jnp.int32)
    return jnp.where(span > 0, stretched, images).astype(jnp.uint8)


def equalize(images: jax.Array) -> jax.Array:
    """Flatten each channel's histogram: how many values lie below, in 255 equal steps."""
    counts, n_pixel = histogram(images), images.shape[1] * images.shape[2]
    n, _, _, channels = images.shape
    below = jnp.cumsum(counts, axis=1) - counts
    highest = images.max((1, 2)).astype(jnp.int32)[:, None]
    step = (n_pixel - jnp.take_along_axis(counts, highest, axis=1)) // 255
    values = images.reshape(n, -1, channels).astype(jnp.int32)
    rank = jnp.take_along_axis(below, values, axis=1, mode="promise_in_bounds")
    levels = jnp.minimum(_quotient(step // 2 + rank, jnp.maximum(step, 1)), 255)
    return jnp.where(step > 0, levels, values).astype(jnp.uint8).reshape(images.shape)


def blend(low: jax.Array | int, high: jax.Array, factor: jax.Array) -> jax.Array:
    """``low + factor * (high - low)``, truncated and cut to 0..255.

    Pillow rounds the product to float32 before it adds. Here the product of the factor's 24 bits
    and the difference is a whole number, rounded by its conversion and scaled exactly, so that no
    compiler that joins multiply and add can change a bit.

    Args:
        low: integers that broadcast to `high`.
        high: (N, H, W, 3) uint8.
        factor: (N,), 0 or more.
    """
    whole, scale = (part[:, None, None, None] for part in _whole_and_scale(factor))
    difference = high.astype(jnp.int32) - low
    product = (whole * jnp.abs(difference).astype(jnp.uint32)).astype(jnp.float32) * scale
    return jnp.clip(low + jnp.where(difference < 0, -product, product), 0, 255).astype(jnp.uint8)


def _whole_and_scale(factor: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A float32 as a 24-bit uint32 and a power of two; taken apart by its bits, at no cost."""
    bits = jax.lax.bitcast_convert_type(factor.astype(jnp.float32), jnp.uint32)
    exponent = jnp.maximum(bits >> 23, 24)  # 0 comes out as 1e-31, which adds nothing
    return bits & 0x7FFFFF | 0x800000, jax.lax.bitcast_convert_type(
        (exponent - 23) << 23, jnp.float32
    )


def grey(images: jax.Array) -> jax.Array:
    """(N, H, W, 1) int32 0..255: ITU-R 601-2 luma in 16-bit fixed point."""
    red, green, blue = (images[..., i, None].astype(jnp.int32) for i in range(3))
    return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16


def mean_of(luma: jax.Array) -> jax.Array:
    """(N, 1, 1, 1) int32 0..255: the rounded mean of each image's `grey`."""
    n_pixel = luma.shape[1] * luma.shape[2]
    total = luma.sum((1, 2, 3), keepdims=True, dtype=jnp.int32)
    return (2 * total + n_pixel) // (2 * n_pixel)


def smooth(images: jax.Array) -> jax.Array:
    """Mean of each 3x3 window, the centre counting five times; the border stays. Same dtype."""
    x = images.astype(jnp.int32)
    rows = x[:, :-2] + x[:, 1:-1] + x[:, 2:]
    total = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:] + 4 * x[:, 1:-1, 1:-1]
    return images.at[:, 1:-1, 1:-1].set(((2 * total + 13) // 26).astype(images.dtype))


@cache
def _shortfalls() -> tuple[np.ndarray, np.ndarray]:
    """Where Pillow's stretch comes out one below the exact quotient.

    It truncates ``v * scale - low * scale`` with ``scale = 255 / span`` in double precision, which
    falls just short of some whole numbers.

    Returns: the pattern's number for each (lowest, span), (256, 256) uint8, and each pattern's
        shortfall, 0 or 1, for each exact quotient, (patterns, 256) uint8.
    """
    numbers = np.zeros((LEVELS, LEVELS), np.uint8)
    seen: dict[bytes, int] = {}
    for span in range(1, LEVELS):
        low = np.arange(LEVELS - span)[:, None]
        value = low + np.arange(span + 1)
        exact = np.arange(span + 1) * 255 // span
        scale = 255.0 / span
        rows, columns = np.nonzero(np.trunc(value * scale + -low * scale) < exact)
        short = np.zeros((LEVELS - span, LEVELS), np.uint8)
        short[rows, exact[columns]] = 1
        numbers[: LEVELS - span, span] = [
            seen.setdefault(row.tobytes(), len(seen)) for row in short
        ]
    return numbers, np.stack([np.frombuffer(pattern, np.uint8) for pattern in seen])


def histogram(images: jax.Array) -> jax.Array:
    """(N, 256, C) int32: how often each value occurs in each image's channel."""
    n, _, _, channels = images.shape
    values = images.reshape(n, -1, channels).astype(jnp.int32)
    image, channel = jnp.arange(n)[:, None, None], jnp.arange(channels)[None, None]
    place = (image * LEVELS + values) * channels + channel
    counts = jnp.zeros(n * LEVELS * channels, jnp.int32)
    counts = counts.at[place.reshape(-1)].add(1, mode="promise_in_bounds")
    return counts.reshape(n, LEVELS, channels)


def _quotient(top: jax.Array, bottom: jax.Array) -> jax.Array:
    """``top // bottom`` of whole numbers below 2^17 and 2^9, faster than integer division."""
    return ((top.astype(jnp.float32) + 0.5) / bottom.astype(jnp.float32)).astype(jnp.int32)
