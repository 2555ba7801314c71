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
    return look_up(images, posterize_table(bits))


def solarize(images: jax.Array, threshold: jax.Array) -> jax.Array:
    """Invert the values that are not below `threshold`."""
    return look_up(images, solarize_table(threshold))


def autocontrast(images: jax.Array) -> jax.Array:
    """Stretch each channel to 0..255."""
    return look_up(images, autocontrast_table(images))


def equalize(images: jax.Array) -> jax.Array:
    """Flatten each channel's histogram."""
    return look_up(images, equalize_table(images))


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
    mantissa, exponent = jnp.frexp(factor.astype(jnp.float32)[:, None, None, None])
    whole = jnp.ldexp(mantissa, 24).astype(jnp.uint32)
    difference = high.astype(jnp.int32) - low
    product = (whole * jnp.abs(difference).astype(jnp.uint32)).astype(jnp.float32)
    scale = jnp.ldexp(jnp.sign(difference).astype(jnp.float32), exponent - 24)
    return jnp.clip(low + product * scale, 0, 255).astype(jnp.uint8)


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


def look_up(images: jax.Array, table: jax.Array) -> jax.Array:
    """Replace every value v of image n's channel c by ``table[n, v, c]``.

    Args:
        images: (N, H, W, C) uint8.
        table: (N or 1, 256, C or 1) uint8.
    """
    n, _, _, channels = images.shape
    table = jnp.broadcast_to(table, (n, LEVELS, channels))
    values = images.reshape(n, -1, channels).astype(jnp.int32)
    found = jnp.take_along_axis(table, values, axis=1, mode="promise_in_bounds")
    return found.reshape(images.shape)


def identity_table() -> jax.Array:
    """(1, 256, 1) uint8 for `look_up`: every value itself."""
    return _values().astype(jnp.uint8)


def posterize_table(bits: jax.Array) -> jax.Array:
    """(N, 256, 1) uint8 for `look_up`; arguments as `posterize`."""
    dropped = 8 - bits.astype(jnp.int32)[:, None, None]
    return ((_values() >> dropped) << dropped).astype(jnp.uint8)


def solarize_table(threshold: jax.Array) -> jax.Array:
    """(N, 256, 1) uint8 for `look_up`; arguments as `solarize`."""
    values = _values()
    kept = values < threshold[:, None, None]
    return jnp.where(kept, values, 255 - values).astype(jnp.uint8)


def autocontrast_table(images: jax.Array) -> jax.Array:
    """(N, 256, C) uint8 for `look_up`: ``(v - lowest) * 255 / (highest - lowest)`` truncated."""
    low, high = (
        f(images, axis=(1, 2)).astype(jnp.int32)[:, None] for f in (jnp.min, jnp.max)
    )  # (N, 1, C)
    values, span = _values(), high - low
    stretched = jnp.clip((values - low) * 255 // jnp.maximum(span, 1), 0, 255)
    pattern, patterns = (jnp.asarray(part) for part in _shortfalls())
    short = patterns[pattern[low, span][:, 0]].swapaxes(1, 2)  # (N, 256, C)
    stretched -= jnp.take_along_axis(short, stretched, axis=1, mode="promise_in_bounds")
    return jnp.where(span > 0, stretched, values).astype(jnp.uint8)


@cache
def _shortfalls() -> tuple[np.ndarray, np.ndarray]:
    """Where Pillow's stretch comes out one below the exact quotient.

    It truncates ``v * scale - low * scale`` with ``scale = 255 / span`` in double precision, which
    falls just short of some whole numbers.

    Returns: the pattern's number for each (lowest, span), (256, 256) uint8, and each pattern's
        shortfall, 0 or 1, for each exact quotient, (patterns, 256) int32.
    """
    numbers = np.zeros((LEVELS, LEVELS), np.uint8)
    seen: dict[bytes, int] = {}
    for span in range(1, LEVELS):
        low = np.arange(LEVELS - span)[:, None]
        value = low + np.arange(span + 1)
        exact = np.arange(span + 1) * 255 // span
        scale = 255.0 / span
        rows, columns = np.nonzero(np.trunc(value * scale + -low * scale) < exact)
        short = np.zeros((LEVELS - span, LEVELS), np.int32)
        short[rows, exact[columns]] = 1
        numbers[: LEVELS - span, span] = [
            seen.setdefault(row.tobytes(), len(seen)) for row in short
        ]
    return numbers, np.stack([np.frombuffer(pattern, np.int32) for pattern in seen])


def equalize_table(images: jax.Array) -> jax.Array:
    """(N, 256, C) uint8 for `look_up`: the cumulative histogram in 255 equal steps."""
    counts = histogram(images)
    n_pixel = images.shape[1] * images.shape[2]
    highest = images.max((1, 2)).astype(jnp.int32)[:, None]
    step = (n_pixel - jnp.take_along_axis(counts, highest, axis=1)) // 255
    below = jnp.cumsum(counts, axis=1) - counts
    levels = jnp.minimum((step // 2 + below) // jnp.maximum(step, 1), 255)
    return jnp.where(step > 0, levels, _values()).astype(jnp.uint8)


def histogram(images: jax.Array) -> jax.Array:
    """(N, 256, C) int32: how often each value occurs in each image's channel."""
    n, _, _, channels = images.shape
    values = images.reshape(n, -1, channels).astype(jnp.int32)
    image, channel = jnp.arange(n)[:, None, None], jnp.arange(channels)[None, None]
    place = (image * LEVELS + values) * channels + channel
    counts = jnp.zeros(n * LEVELS * channels, jnp.int32)
    counts = counts.at[place.reshape(-1)].add(1, mode="promise_in_bounds")
    return counts.reshape(n, LEVELS, channels)


def _values() -> jax.Array:
    return jnp.arange(LEVELS, dtype=jnp.int32)[None, :, None]
