"""Channel means and standard deviations of pixels in [0, 1], by name."""

from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from jaxcifar.data.dataset import Bytes

Channels = tuple[float, float, float]


class Normalisation(NamedTuple):
    """(pixel / 255 - mean) / std per channel: red, green, blue."""

    mean: Channels
    std: Channels


_ROUNDED: Channels = (0.4914, 0.4822, 0.4465)

# Three sets circulate as "the" CIFAR-10 statistics. The std of `cifar_b` is the mean over images
# of each image's own std; that of `cifar_a` and `cifar_c` is over all pixels.
NORMALISATIONS = MappingProxyType(
    {
        "cifar_a": Normalisation(_ROUNDED, (0.2470, 0.2435, 0.2616)),
        "cifar_b": Normalisation(_ROUNDED, (0.2023, 0.1994, 0.2010)),
        "cifar_c": Normalisation(
            (0.49139968, 0.48215841, 0.44653091), (0.24703223, 0.24348513, 0.26158784)
        ),
        "half": Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        "imagenet": Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    }
)


def channel_statistics(images: Bytes) -> Normalisation:
    """Mean and standard deviation (over all pixels, biased) of each channel, on a scale of [0, 1].

    Args: images: (N, 32, 32, 3) uint8. Counts are exact integers, so no order of summation shows.
    """
    values = np.arange(256) / 255
    means, deviations = [], []
    for channel in range(3):
        share = np.bincount(images[..., channel].ravel(), minlength=256) / (images.size // 3)
        mean = float(share @ values)
        means.append(mean)
        deviations.append(float(np.sqrt(share @ (values - mean) ** 2)))
    return Normalisation((means[0], means[1], means[2]), tuple(deviations))  # type: ignore[arg-type]
