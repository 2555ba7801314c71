"""VGG for 32x32 images (arXiv:1409.1556): configurations A and D, three kinds of head."""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcifar.models.activations import relu
from jaxcifar.models.layers import BatchNorm, Dropout
from jaxcifar.models.network import Network
from jaxcifar.models.pooling import max_pool_tiles
from jaxcifar.models.spec import ModelSpec

Plan = tuple[int | str, ...]

PLAN_A: Plan = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")
"""Channels of the 3x3 convolutions of configuration A; M halves the image."""

PLAN_D: Plan = (
    *(64, 64, "M", 128, 128, "M", 256, 256, 256, "M"),
    *(512, 512, 512, "M", 512, 512, 512, "M"),
)
"""Configuration D, known as VGG-16."""


class Vgg(Network):
    """Convolutions by a plan, each [conv 3x3, BatchNorm, ReLU], then a dense head.

    Convolutions keep their bias before BatchNorm too, as the published counts demand. Input
    (N, 32, 32, 3) float, output logits (N, classes) float32.

    Attributes:
        plan: channels of the convolutions, "M" for 2x2 max-pooling.
        hidden: features of the hidden dense layers; none for a head of one layer.
        copies: how often the last image is repeated along each axis before the head: 7 is what
            adaptive average pooling from 1x1 to 7x7 does.
        norm: "batch" = BatchNorm between each convolution and its ReLU; "none".
        width: factor on every channel and hidden feature count but the classes, rounded.
        dropout_rate: of the two dropouts; in [0, 1], may be traced.
        dropout_first: dropout before the first two dense layers, not after.
        dense_initialiser: of the hidden dense layers, "" = as the convolutions.
        head_initialiser: of the last layer, "" = as the convolutions.
        classes: number of logits.
    """

    plan: Plan = PLAN_A
    hidden: tuple[int, ...] = (512, 512)
    copies: int = 1
    norm: str = "none"
    width: float = 1.0
    dropout_rate: float = 0.0
    dropout_first: bool = True
    dense_initialiser: str = ""
    head_initialiser: str = ""
    classes: int = 10

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Logits of a batch of images."""
        x = self._features(images, train)
        if self.copies > 1:
            x = jnp.tile(x, (1, self.copies, self.copies, 1))
        x = self._hidden(x.reshape(x.shape[0], -1), train)
        last = self.head_initialiser or self.initialiser
        return self.head(self.classes, initialiser=last, name=f"fc{len(self.hidden) + 1}")(x)

    def _hidden(self, x: jax.Array, train: bool) -> jax.Array:
        rate, initialiser = self.traced("dropout_rate"), self.dense_initialiser or self.initialiser
        for number, features in enumerate(self.hidden, start=1):
            drop = Dropout(name=f"drop{number}")
            x = drop(x, rate, train) if self.dropout_first else x
            x = relu(
                self.dense(self._wide(features), initialiser=initialiser, name=f"fc{number}")(x)
            )
            x = x if self.dropout_first else drop(x, rate, train)
        return x

    def _features(self, x: jax.Array, train: bool) -> jax.Array:
        number = 0
        for entry in self.plan:
            if isinstance(entry, str):
                x = max_pool_tiles(x, 2)
                continue
            number += 1
            x = self.conv(self._wide(entry), padding=1, name=f"conv{number}")(x)
            if self.norm == "batch":
                x = BatchNorm(name=f"bn{number}")(x, train)
            x = relu(x)
        return x

    def _wide(self, count: int) -> int:
        return max(1, round(count * self.width))


_LAST = ("fc3", "kernel")

ROWS = {
    "vgg_a": ModelSpec(
        Vgg,
        {"norm": "none", "width": 1.0, "init": "torch"},
        "VGG-A for 32x32 images, with or without BatchNorm",
        last_kernel=_LAST,
    ),
    "vgg_a_light": ModelSpec(
        partial(Vgg, plan=(16, "M", 32, "M"), hidden=(128, 128)),
        {"init": "torch"},
        "two convolutions of 16 and 32 channels under VGG's head, 128 features wide",
        last_kernel=_LAST,
    ),
    "vgg_a_dropout": ModelSpec(
        Vgg,
        {"dropout_rate": 0.5, "init": "torch"},
        "VGG-A with dropout before its first and second dense layer",
        last_kernel=_LAST,
    ),
    "vgg11": ModelSpec(
        partial(
            Vgg, hidden=(4096, 4096), copies=7, dropout_first=False, initialiser="kaiming_fan_out",
            dense_initialiser="normal", head_initialiser="torch",
        ),
        {"dropout_rate": 0.5},
        "VGG-A with the ImageNet head: every last feature 49 times, 4096 features wide",
        last_kernel=_LAST,
    ),
    "vgg16": ModelSpec(
        partial(Vgg, plan=PLAN_D, hidden=()),
        {"norm": "batch", "width": 1.0, "init": "torch"},
        "VGG-16 with BatchNorm and one dense layer",
        last_kernel=("fc1", "kernel"),
    ),
}  # fmt: skip
