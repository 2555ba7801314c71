"""MobileNetV2 (arXiv:1801.04381) of width 1 with a stem of stride 1 for 32x32 images."""

from functools import partial

import jax
from flax import linen as nn

from jaxcifar.models.activations import relu6
from jaxcifar.models.layers import Dropout
from jaxcifar.models.network import Network, conv_bn
from jaxcifar.models.spec import ModelSpec

STEM, LAST = 32, 1280

# (expansion, channels, blocks, stride of the first) of each stage
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(Network):
    """1x1 up, depthwise 3x3, 1x1 down without activation; added to x where shapes agree.

    Attributes:
        channels: out of the block.
        expansion: channels inside for each channel in; 1 has no first convolution.
        stride: of the depthwise convolution.
    """

    channels: int = 16
    expansion: int = 6
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H', W', channels), H' = ceil(H / stride)."""
        inner, y = x.shape[-1] * self.expansion, x
        if self.expansion > 1:
            y = conv_bn(self, y, train, inner, 1, name="expand_conv", norm="expand_bn", act=relu6)
        y = conv_bn(self, y, train, inner, stride=self.stride, groups=inner, act=relu6,
                    name="depthwise_conv", norm="depthwise_bn")  # fmt: skip
        y = conv_bn(self, y, train, self.channels, 1, name="project_conv", norm="project_bn")
        return x + y if x.shape == y.shape and self.stride == 1 else y


class MobileNetV2(Network):
    """Stem, inverted residual blocks by `STAGES`, 1x1 to 1280, global mean, dropout, dense.

    Attributes:
        dropout_rate: before the dense layer; may be traced.
        classes: number of logits.
    """

    dropout_rate: float = 0.2
    classes: int = 10

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Logits of a batch of images."""
        x = conv_bn(self, images, train, STEM, name="conv1", norm="bn1", act=relu6,
                    initialiser="torch")  # fmt: skip
        for number, (expansion, channels, count, stride) in enumerate(STAGES, start=1):
            for index in range(count):
                x = InvertedResidual(
                    **self.shared, channels=channels, expansion=expansion,
                    stride=stride if index == 0 else 1, name=f"stage{number}_{index}",
                )(x, train)  # fmt: skip
        x = conv_bn(self, x, train, LAST, 1, name="conv2", norm="bn2", act=relu6)
        x = Dropout(name="drop")(x.mean(axis=(1, 2)), self.traced("dropout_rate"), train)
        return self.head(self.classes, initialiser="torch", name="fc")(x)


ROWS = {
    "mobilenet_v2": ModelSpec(
        partial(MobileNetV2, initialiser="kaiming_fan_out"),
        {"dropout_rate": 0.2},
        "MobileNetV2 with a stem of stride 1",
    )
}
