"""RandomErasing (arXiv:1708.04896) with torchvision's draws: a black rectangle in some images."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

TRIES = 10  # rectangles drawn for an image; the first that fits is erased


class Boxes(NamedTuple):
    """A rectangle of each image, (N,) int32, in pixels; nothing where the height is 0."""

    top: jax.Array
    left: jax.Array
    height: jax.Array
    width: jax.Array


def random_erasing(
    key: jax.Array, images: jax.Array, *,
    erase_probability: jax.Array, erase_area: jax.Array, erase_aspect: jax.Array,
) -> jax.Array:  # fmt: skip
    """Set a random rectangle of some images to zero, black before normalisation.

    Args:
        key: one random key.
        images: (N, H, W, C), any dtype.
        erase_probability: scalar, of an image to be erased.
        erase_area: (2,), bounds of the rectangle's share of the image, uniform between them.
        erase_aspect: (2,), bounds of height / width, uniform in its logarithm.
    """
    boxes = draw_boxes(key, images.shape[:3], erase_probability, erase_area, jnp.log(erase_aspect))
    return erase(images, boxes)


def draw_boxes(
    key: jax.Array, shape: tuple[int, ...], probability: jax.Array, area: jax.Array,
    log_aspect: jax.Array,
) -> Boxes:  # fmt: skip
    """A box for each of `shape` = (N, H, W) images; all tries are drawn, also those not needed."""
    n, height, width = shape
    # Flat and at once: XLA's CPU backend compiles the generator over one axis several times faster.
    share = jax.random.uniform(key, (n * (3 + 2 * TRIES),), jnp.float32).reshape(n, -1)
    wanted, corner, sizes = share[:, 0] < probability, share[:, 1:3], share[:, 3:]
    areas = height * width * (area[0] + sizes[:, :TRIES] * (area[1] - area[0]))
    aspects = jnp.exp(log_aspect[0] + sizes[:, TRIES:] * (log_aspect[1] - log_aspect[0]))
    h, w = first_fit(areas, aspects, (height, width))
    top, left = _below(corner[:, 0], height - h + 1), _below(corner[:, 1], width - w + 1)
    return Boxes(top, left, jnp.where(wanted, h, 0), w)


def first_fit(
    areas: jax.Array, aspects: jax.Array, size: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
    """Heights and widths (N,) int32 of the first rectangle smaller than the image; else 0.

    Args:
        areas: (N, tries), pixels.
        aspects: (N, tries), height / width.
        size: H, W of the images.
    """
    heights, widths = (
        jnp.round(jnp.sqrt(square)).astype(jnp.int32)
        for square in (areas * aspects, areas / aspects)
    )
    fits = (heights < size[0]) & (widths < size[1])
    first = jnp.argmax(fits, axis=1)[:, None]
    found = jnp.take_along_axis(fits, first, axis=1)
    h, w = (
        jnp.where(found, jnp.take_along_axis(sides, first, axis=1), 0)[:, 0]
        for sides in (heights, widths)
    )
    return h, w


def erase(images: jax.Array, boxes: Boxes) -> jax.Array:
    """Zero inside the boxes; shape and dtype are kept."""
    _, height, width, _ = images.shape
    top, left, h, w = (part[:, None, None, None] for part in boxes)
    row, column = jnp.arange(height)[None, :, None, None], jnp.arange(width)[None, None, :, None]
    inside = (row >= top) & (row < top + h) & (column >= left) & (column < left + w)
    return jnp.where(inside, 0, images)


def _below(share: jax.Array, count: jax.Array) -> jax.Array:
    """Whole numbers 0..count - 1 from shares in [0, 1)."""
    return jnp.minimum((share * count).astype(jnp.int32), count - 1)
