"""Pre-activation residual networks: PreActResNet-18 (arXiv:1603.05027), WideResNet-28-10.

Both have the same block and differ in sizes, in a last BatchNorm, and in first weights.
"""

from functools import partial

import jax
from flax import linen as nn

from jaxcifar.models.activations import relu
from jaxcifar.models.layers import BatchNorm
from jaxcifar.models.network import Network, repeat
from jaxcifar.models.spec import ModelSpec


class PreActBlock(Network):
    """x + conv(relu(bn(conv(relu(bn(x)))))).

    Where the shape changes, a 1x1 convolution of relu(bn(x)) stands for the first x.

    Attributes:
        channels: out of the block.
        stride: of the first convolution.
    """

    channels: int = 64
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H / stride, W / stride, channels)."""
        y = relu(BatchNorm(name="bn1")(x, train))
        if self.stride > 1 or x.shape[-1] != self.channels:
            shortcut = self.conv(
                self.channels, 1, stride=self.stride, use_bias=False, name="shortcut_conv"
            )
            x = shortcut(y)
        options = {"padding": 1, "use_bias": False}
        y = self.conv(self.channels, stride=self.stride, name="conv1", **options)(y)
        y = relu(BatchNorm(name="bn2")(y, train))
        return x + self.conv(self.channels, name="conv2", **options)(y)


class PreActResNet(Network):
    """Stem convolution, stages of `PreActBlock`, global mean, one dense layer.

    Attributes:
        stages: (channels, blocks) of each stage; all but the first halve the image.
        stem: channels of the first convolution.
        final_bn: BatchNorm and ReLU before the mean, as in the paper; the widely copied
            PyTorch PreActResNet-18 has none.
        head_initialiser: of the last kernel, "" = as the convolutions.
        classes: number of logits.
    """

    stages: tuple[tuple[int, int], ...] = ((64, 2), (128, 2), (256, 2), (512, 2))
    stem: int = 64
    final_bn: bool = False
    head_initialiser: str = ""
    classes: int = 10

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Logits of a batch of images."""
        x = self.conv(self.stem, padding=1, use_bias=False, name="conv1")(images)
        for number, (channels, count) in enumerate(self.stages, start=1):
            make = partial(PreActBlock, **self.shared, channels=channels)
            x = make(stride=min(number, 2), name=f"stage{number}_first")(x, train)
            x = repeat(make, count - 1, f"stage{number}_rest", x, train)
        if self.final_bn:
            x = relu(BatchNorm(name="bn")(x, train))
        init = self.head_initialiser or self.initialiser
        return self.head(self.classes, initialiser=init, name="fc")(x.mean(axis=(1, 2)))


ROWS = {
    "wrn28_10": ModelSpec(
        partial(
            PreActResNet, stages=((160, 4), (320, 4), (640, 4)), stem=16, final_bn=True,
            initialiser="kaiming_fan_out", head_initialiser="torch",
        ),
        {},
        "WideResNet-28-10 (arXiv:1605.07146)",
    ),
    "preact_resnet18": ModelSpec(
        PreActResNet, {"final_bn": False, "init": "torch"}, "PreActResNet-18 (arXiv:1603.05027)"
    ),
}  # fmt: skip
