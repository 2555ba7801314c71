"""VGG-A for 32x32 images, with and without BatchNorm, and its light and dropout variants."""

import jax
from flax import linen as nn

from jaxcifar.models.layers import Activation, BatchNorm, Dropout, Network
from jaxcifar.models.pooling import max_pool_2x2

PLAN_A: tuple[int | str, ...] = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
"""Channels of the 3x3 convolutions of configuration A (arXiv:1409.1556); M halves the image."""

HEAD = 512
"""Features of the two hidden dense layers."""


class Vgg(Network):
    """Convolutions by a plan, each [conv 3x3, BatchNorm, ReLU], and a dense head of three layers.

    Convolutions keep their bias before BatchNorm too, as the published counts demand. Input
    (N, 32, 32, 3) float, output logits (N, classes) float32.

    Attributes:
        plan: channels of the convolutions, "M" for 2x2 max-pooling.
        hidden: features of the two hidden dense layers.
        norm: "batch" = BatchNorm between each convolution and its ReLU; "none".
        width: factor on every channel and hidden feature count but the classes, rounded.
        initialiser: of every kernel (see `jaxcifar.models.initialisers`).
        dropout_rate: before the first and second dense layer; in [0, 1], may be traced.
        classes: number of logits.
    """

    plan: tuple[int | str, ...] = PLAN_A
    hidden: int = HEAD
    norm: str = "none"
    width: float = 1.0
    initialiser: str = "torch"
    dropout_rate: float = 0.0
    classes: int = 10

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Logits of a batch of images."""
        x = self._features(images, train)
        rate = self.traced("dropout_rate")
        for number in (1, 2):
            x = Dropout(name=f"drop{number}")(x, rate, train)
            x = Activation()(
                self.dense(
                    self._wide(self.hidden), initialiser=self.initialiser, name=f"fc{number}"
                )(x)
            )
        return self.head(self.classes, initialiser=self.initialiser, name="fc3")(x)

    def _features(self, x: jax.Array, train: bool) -> jax.Array:
        number = 0
        for entry in self.plan:
            if isinstance(entry, str):
                x = max_pool_2x2(x)
                continue
            number += 1
            conv = self.conv(
                self._wide(entry), padding=1, initialiser=self.initialiser, name=f"conv{number}"
            )
            x = conv(x)
            if self.norm == "batch":
                x = BatchNorm(name=f"bn{number}")(x, train)
            x = Activation()(x)
        return x.reshape(x.shape[0], -1)

    def _wide(self, count: int) -> int:
        return max(1, round(count * self.width))
