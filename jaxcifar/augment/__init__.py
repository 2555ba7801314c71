"""Random changes of training images, and their normalisation, inside the compiled step.

Every augmentation is a pure function ``(key, images, **options) -> images`` and a row of
`AUGMENTATIONS`. What draws is apart from what applies given draws.
"""

from jaxcifar.augment.geometry import crop, crop_offsets, hflip, vflip
from jaxcifar.augment.mixing import Pairing, over_labels
from jaxcifar.augment.normalisation import normalise
from jaxcifar.augment.pipeline import (
    ALIASES,
    AUGMENTATIONS,
    Stage,
    Work,
    augment,
    copies,
    mixes,
    resolve,
    transform,
    transform_batch,
)

__all__ = [
    "ALIASES",
    "AUGMENTATIONS",
    "Pairing",
    "Stage",
    "Work",
    "augment",
    "copies",
    "crop",
    "crop_offsets",
    "hflip",
    "mixes",
    "normalise",
    "over_labels",
    "resolve",
    "transform",
    "transform_batch",
    "vflip",
]
