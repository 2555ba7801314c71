"""Mixup (arXiv:1710.09412) and CutMix (arXiv:1905.04899): at most one of them a batch."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

NONE, MIXUP, CUTMIX = range(3)


class Draws(NamedTuple):
    """What is drawn once for a batch of N images."""

    kind: jax.Array  # int32 scalar: NONE, MIXUP or CUTMIX
    lam: jax.Array  # scalar in [0, 1], from Beta(alpha, alpha)
    order: jax.Array  # (N,) int32, a permutation: whose partner each image is
    centre: jax.Array  # (2,) int32, row and column of the pasted box


class Pairing(NamedTuple):
    """Whose labels an image carries: its own for the share `lam`, its partner's for the rest."""

    order: jax.Array  # (N,) int32
    lam: jax.Array  # scalar in [0, 1]


def draw_mix(
    key: jax.Array, shape: tuple[int, ...], probabilities: jax.Array, alpha: jax.Array
) -> Draws:
    """The draws for images of `shape` = (N, H, W).

    Args:
        probabilities: (2,) of mixup and of CutMix; neither for the rest.
        alpha: scalar, both parameters of the Beta distribution.
    """
    keys = jax.random.split(key, 4)
    u = jax.random.uniform(keys[0], dtype=jnp.float32)
    kind = jnp.where(u < probabilities[0], MIXUP, jnp.where(u < probabilities.sum(), CUTMIX, NONE))
    n, *sides = shape
    return Draws(
        kind=kind,
        lam=jax.random.beta(keys[1], alpha, alpha, dtype=jnp.float32),
        order=jax.random.permutation(keys[2], n).astype(jnp.int32),
        centre=jax.random.randint(keys[3], (2,), 0, jnp.array(sides)),
    )


def apply_mix(images: jax.Array, draws: Draws) -> tuple[jax.Array, Pairing]:
    """Each image and its partner, weighed pixel by pixel, and the labels' shares.

    Args:
        images: (N, H, W, C) floating.
    """
    outside = outside_box(images.shape[1:3], draws.lam, draws.centre)

    def mixed(images: jax.Array) -> jax.Array:
        own = jnp.where(draws.kind == CUTMIX, outside, draws.lam)[None, ..., None]
        return (own * images + (1 - own) * images[draws.order]).astype(images.dtype)

    # A branch, so that the images are there before partners are taken from them: fused into one
    # kernel, XLA's CPU backend would make every partner anew, pixel by pixel.
    images = jax.lax.cond(draws.kind == NONE, lambda images: images, mixed, images)
    lams = jnp.stack([jnp.ones_like(draws.lam), draws.lam, outside.mean()])
    return images, Pairing(draws.order, lams[draws.kind])


def outside_box(size: tuple[int, ...], lam: jax.Array, centre: jax.Array) -> jax.Array:
    """1 outside the pasted box, 0 inside, (H, W) in the dtype of `lam`.

    The box has the sides ``int(side * sqrt(1 - lam))``, reaches half of that, rounded down, to
    both sides of the centre, and ends at the image's border.
    """
    inside = []
    for side, middle in zip(size, centre, strict=True):
        half = jnp.floor(side * jnp.sqrt(1 - lam)).astype(jnp.int32) // 2
        place = jnp.arange(side)
        inside.append((place >= middle - half) & (place < middle + half))
    return 1 - (inside[0][:, None] & inside[1][None]).astype(lam.dtype)


def over_labels(
    fn: Callable[[jax.Array], jax.Array], labels: jax.Array, pairing: Pairing | None
) -> jax.Array:
    """``lam * fn(labels) + (1 - lam) * fn(partners' labels)``; plain ``fn(labels)`` unmixed."""
    if pairing is None:
        return fn(labels)
    lam, partners = pairing.lam, labels[pairing.order]
    return lam * fn(labels) + (1 - lam) * fn(partners)
