"""ShuffleNetV2 x0.5 (arXiv:1807.11164), unmodified: its stem and pooling quarter the image."""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcifar.models.activations import relu
from jaxcifar.models.network import Network, conv_bn, repeat
from jaxcifar.models.pooling import max_pool_3x3_stride2
from jaxcifar.models.spec import ModelSpec

STEM, LAST = 24, 1024
STAGES = ((48, 4), (96, 8), (192, 4))
"""(channels, units) of each stage; the first unit of each halves the image."""


def interleave(a: jax.Array, b: jax.Array) -> jax.Array:
    """Concatenation along channels and shuffle in two groups: a's and b's channels in turn."""
    return jnp.stack([a, b], axis=-1).reshape(*a.shape[:-1], -1)


class Unit(Network):
    """Two branches, joined by `interleave`.

    Attributes:
        channels: out of the unit.
        stride: 1 = the first half of the channels passes by, the second is transformed; 2 = both
            branches see all channels and halve the image.
    """

    channels: int = 48
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H', W', channels), H' = ceil(H / stride)."""
        if self.stride == 1:
            aside, x = jnp.split(x, 2, axis=-1)
        else:
            aside = self._depthwise(x, train, "aside_depthwise")
            aside = self._pointwise(aside, train, "aside_conv")
        y = self._pointwise(x, train, "conv1")
        y = self._depthwise(y, train, "depthwise")
        return interleave(aside, self._pointwise(y, train, "conv2"))

    def _depthwise(self, x: jax.Array, train: bool, name: str) -> jax.Array:
        channels = x.shape[-1]
        return conv_bn(self, x, train, channels, stride=self.stride, groups=channels, name=name,
                       norm=f"{name}_bn")  # fmt: skip

    def _pointwise(self, x: jax.Array, train: bool, name: str) -> jax.Array:
        return conv_bn(self, x, train, self.channels // 2, 1, name=name, norm=f"{name}_bn",
                       act=relu)  # fmt: skip


class ShuffleNetV2(Network):
    """Stem of stride 2, max-pooling, three stages of units, 1x1 to 1024, global mean, dense.

    Attributes:
        classes: number of logits.
    """

    classes: int = 10

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Logits of a batch of images."""
        x = conv_bn(self, images, train, STEM, stride=2, name="conv1", norm="bn1", act=relu)
        x = max_pool_3x3_stride2(x)
        for number, (channels, count) in enumerate(STAGES, start=2):
            make = partial(Unit, **self.shared, channels=channels)
            x = make(stride=2, name=f"stage{number}_first")(x, train)
            x = repeat(make, count - 1, f"stage{number}_rest", x, train)
        x = conv_bn(self, x, train, LAST, 1, name="conv5", norm="bn5", act=relu)
        return self.head(self.classes, name="fc")(x.mean(axis=(1, 2)))


ROWS = {
    "shufflenet_v2_x0_5": ModelSpec(
        ShuffleNetV2, {"init": "torch"}, "ShuffleNetV2 x0.5 with its stem of stride 2"
    )
}
