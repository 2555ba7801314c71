"""The table of augmentations, and their order."""

from collections.abc import Callable, Mapping, Sequence

import jax

from jaxcifar.augment.geometry import crop, hflip, vflip
from jaxcifar.errors import unknown

Augmentation = Callable[[jax.Array, jax.Array], jax.Array]

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
