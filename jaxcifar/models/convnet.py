"""The BatchNorm-ablation ConvNet: one 3x3 and six 5x5 convolutions, none padded."""

import jax
from flax import linen as nn

from jaxcifar.models.activations import relu
from jaxcifar.models.layers import BatchNorm
from jaxcifar.models.network import Network
from jaxcifar.models.spec import ModelSpec

CONVOLUTIONS = ((3, 100), *((5, 100),) * 5, (5, 10))
"""(kernel, channels) of each convolution; all of stride 1, with bias."""

HIDDEN = (128, 64)
"""Features of the hidden dense layers."""


class ConvNet(Network):
    """[conv, BatchNorm or none, ReLU] seven times, then three dense layers.

    Attributes:
        bn: BatchNorm after each of the first six convolutions; the seventh has none.
        classes: number of logits.
    """

    bn: tuple[bool, ...] = (True,) * 6
    classes: int = 10

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Logits of a batch of images."""
        x = images
        plan = zip(CONVOLUTIONS, (*self.bn, False), strict=True)
        for number, ((kernel, channels), norm) in enumerate(plan, start=1):
            x = self.conv(channels, kernel, name=f"conv{number}")(x)
            x = relu(BatchNorm(name=f"bn{number}")(x, train) if norm else x)
        x = x.reshape(x.shape[0], -1)
        for number, features in enumerate(HIDDEN, start=1):
            x = relu(self.dense(features, name=f"fc{number}")(x))
        return self.head(self.classes, name="fc3")(x)


ROWS = {
    "convnet_r4": ModelSpec(
        ConvNet,
        {"bn": (True,) * 6, "init": "torch"},
        "seven unpadded convolutions of up to 100 channels, BatchNorm where `bn` says",
        last_kernel=("fc3", "kernel"),
    )
}
