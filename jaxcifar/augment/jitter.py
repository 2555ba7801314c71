"""Colour jitter: brightness, contrast and saturation, in an order drawn for each image."""

import jax
import jax.numpy as jnp

from jaxcifar.augment import pixels

BRIGHTNESS, CONTRAST, SATURATION = range(3)


def jitter(
    key: jax.Array, images: jax.Array, *,
    jitter_brightness: jax.Array, jitter_contrast: jax.Array, jitter_saturation: jax.Array,
) -> jax.Array:  # fmt: skip
    """Three blends, each by its own factor, in random order, as torchvision's ColorJitter.

    Args:
        key: one random key.
        images: (N, H, W, 3) uint8.
        jitter_brightness, jitter_contrast, jitter_saturation: s, scalars of 0 or more; a factor is
            uniform on max(0, 1 - s)..1 + s.
    """
    strengths = jnp.stack([jitter_brightness, jitter_contrast, jitter_saturation])
    return apply_jitter(images, *draw_jitter(key, images.shape[0], strengths))


def draw_jitter(key: jax.Array, n: int, strengths: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Factors (n, 3) of brightness, contrast and saturation, and (n, 3) int32 their order."""
    values, order = jax.random.split(key)
    low, high = jnp.maximum(0, 1 - strengths)[None], (1 + strengths)[None]
    share = jax.random.uniform(values, (3 * n,), jnp.float32).reshape(n, 3)
    ranks = jax.random.uniform(order, (3 * n,), jnp.float32).reshape(n, 3)
    return low + share * (high - low), jnp.argsort(ranks, axis=1)


def apply_jitter(images: jax.Array, factors: jax.Array, order: jax.Array) -> jax.Array:
    """The three blends; arguments as `draw_jitter` gives them."""

    def blend(turn: jax.Array, images: jax.Array) -> jax.Array:
        now = order[:, turn]
        luma = pixels.grey(images)
        kind = now[:, None, None, None]
        mean = jnp.where(kind == CONTRAST, pixels.mean_of(luma), 0)
        factor = jnp.take_along_axis(factors, now[:, None], axis=1)[:, 0]
        return pixels.blend(jnp.where(kind == SATURATION, luma, mean), images, factor)

    # A loop, else XLA fuses the three and computes the first four times over.
    return jax.lax.fori_loop(0, 3, blend, images)
