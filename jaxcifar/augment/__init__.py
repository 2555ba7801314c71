"""Random changes of training images, and their normalisation, inside the compiled step.

Every augmentation is a pure function ``(key, images, **options) -> images`` and a row of
`AUGMENTATIONS`. What draws is apart from what applies given draws.
"""

from jaxcifar.augment.geometry import crop, crop_offsets, hflip, vflip
from jaxcifar.augment.normalisation import normalise
from jaxcifar.augment.pipeline import AUGMENTATIONS, augment

__all__ = ["AUGMENTATIONS", "augment", "crop", "crop_offsets", "hflip", "normalise", "vflip"]
