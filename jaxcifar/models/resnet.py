"""Residual networks: 3x3 stem, stages of basic or bottleneck blocks, global mean, one dense layer.

arXiv:1512.03385. One class serves the ImageNet definitions with a CIFAR stem, the CIFAR networks
of 6n + 2 layers, and two small three-stage networks: the rows at the end say which.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcifar.models.layers import BatchNorm, Dropout
from jaxcifar.models.network import Activation, Network, conv_bn, repeat
from jaxcifar.models.spec import ModelSpec

EXPANSION = 4
"""Channels out of a bottleneck block for each channel inside it."""


def pad_shortcut(x: jax.Array, channels: int, stride: int) -> jax.Array:
    """Option A: every `stride`-th row and column, zero channels added on both sides alike."""
    more = (channels - x.shape[-1]) // 2
    return jnp.pad(x[:, ::stride, ::stride], ((0, 0), (0, 0), (0, 0), (more, more)))


class Block(Network):
    """What residual blocks share.

    Attributes:
        channels: out of the block.
        stride: of its first spatial convolution.
        act: the activation inside the block and after the sum.
        shortcut: where the shape changes, "A" = `pad_shortcut`; "B" = 1x1 convolution and
            BatchNorm. The identity elsewhere.
    """

    channels: int = 64
    stride: int = 1
    act: Activation = nn.relu
    shortcut: str = "B"

    def skip(self, x: jax.Array, train: bool) -> jax.Array:
        """The shortcut branch."""
        if self.stride == 1 and x.shape[-1] == self.channels:
            return x
        if self.shortcut == "A":
            return pad_shortcut(x, self.channels, self.stride)
        return conv_bn(
            self, x, train, self.channels, 1, stride=self.stride, name="shortcut_conv",
            norm="shortcut_bn",
        )  # fmt: skip


class BasicBlock(Block):
    """act(bn(conv3x3(act(bn(conv3x3(x))))) + skip(x))."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H / stride, W / stride, channels)."""
        y = conv_bn(self, x, train, self.channels, stride=self.stride, name="conv1", norm="bn1",
                    act=self.act)  # fmt: skip
        y = conv_bn(self, y, train, self.channels, name="conv2", norm="bn2")
        return self.act(y + self.skip(x, train))


class Bottleneck(Block):
    """1x1 down to a quarter of the channels, 3x3 (strided), 1x1 up; BatchNorm after each."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H / stride, W / stride, channels)."""
        inner = self.channels // EXPANSION
        y = conv_bn(self, x, train, inner, 1, name="conv1", norm="bn1", act=self.act)
        y = conv_bn(self, y, train, inner, stride=self.stride, name="conv2", norm="bn2",
                    act=self.act)  # fmt: skip
        y = conv_bn(self, y, train, self.channels, 1, name="conv3", norm="bn3")
        return self.act(y + self.skip(x, train))


class SwappedBlock(Block):
    """act(conv(bn(conv(act(bn(x))))) + skip(x)): BatchNorm first, none before the sum."""

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H / stride, W / stride, channels)."""
        options = {"padding": 1, "use_bias": False}
        y = self.act(BatchNorm(name="bn1")(x, train))
        y = self.conv(self.channels, stride=self.stride, name="conv1", **options)(y)
        y = self.conv(self.channels, name="conv2", **options)(BatchNorm(name="bn2")(y, train))
        return self.act(y + self.skip(x, train))


class ResNet(Network):
    """A residual network; input (N, 32, 32, 3) float, output logits (N, classes) float32.

    Attributes:
        block: class of the blocks.
        stages: (channels, blocks) of each stage; all but the first halve the image.
        stem: channels of the first convolution.
        activation: in blocks; a name of `ACTIVATIONS` or "prelu".
        leaky_slope: the leaky_relu's slope for negative inputs.
        stem_activation: "same" = as in blocks; "quirk" = silu if blocks use it, else gelu.
        stem_bn: BatchNorm between the stem's convolution and its activation.
        shortcut: see `Block`.
        input_dropout2d: rate at which whole colour channels of the input are dropped; traced.
        stem_initialiser: of the stem's kernel, "" = as the blocks.
        head_initialiser: of the last kernel, "" = as the blocks.
        classes: number of logits.
    """

    block: type[Block] = BasicBlock
    stages: tuple[tuple[int, int], ...] = ((64, 2), (128, 2), (256, 2), (512, 2))
    stem: int = 64
    activation: str = "relu"
    leaky_slope: float = 0.01
    stem_activation: str = "same"
    stem_bn: bool = True
    shortcut: str = "B"
    input_dropout2d: float = 0.0
    stem_initialiser: str = ""
    head_initialiser: str = ""
    classes: int = 10

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Logits of a batch of images."""
        act = self.activation_fn(self.activation)
        drop = Dropout((1, 2), name="input_drop")
        x = self._stem(drop(images, self.traced("input_dropout2d"), train), act, train)
        for number, (channels, count) in enumerate(self.stages, start=1):
            x = self._stage(x, train, act, number, channels, count)
        init = self.head_initialiser or self.initialiser
        dense = self.head(self.classes, initialiser=init, bias_initialiser="torch", name="fc")
        return dense(x.mean(axis=(1, 2)))

    def _stem(self, x: jax.Array, act: Activation, train: bool) -> jax.Array:
        init = self.stem_initialiser or self.initialiser
        x = self.conv(self.stem, padding=1, use_bias=False, initialiser=init, name="conv1")(x)
        x = BatchNorm(name="bn1")(x, train) if self.stem_bn else x
        if self.stem_activation == "quirk":
            act = self.activation_fn("silu" if self.activation == "silu" else "gelu")
        return act(x)

    def _stage(
        self, x: jax.Array, train: bool, act: Activation, number: int, channels: int, count: int
    ) -> jax.Array:
        shared = {**self.shared, "channels": channels, "act": act, "shortcut": self.shortcut}
        make = partial(self.block, **shared)
        x = make(stride=min(number, 2), name=f"stage{number}_first")(x, train)
        return repeat(make, count - 1, f"stage{number}_rest", x, train)


_THREE = ((64, 2), (128, 2), (256, 2))
_KNOBS = {"activation": "relu", "leaky_slope": 0.01}


def _imagenet(doc: str, **attributes: Any) -> ModelSpec:
    """An ImageNet definition with a CIFAR stem: only what was replaced starts as PyTorch's own."""
    inits = {"initialiser": "kaiming_fan_out", "stem_initialiser": "torch"}
    return ModelSpec(partial(ResNet, **inits, head_initialiser="torch", **attributes), {}, doc)


def _cifar(depth: int) -> ModelSpec:
    n = (depth - 2) // 6
    stages = ((16, n), (32, n), (64, n))
    build = partial(ResNet, stages=stages, stem=16, initialiser="kaiming_fan_in")
    return ModelSpec(build, _KNOBS | {"shortcut": "A"}, f"the CIFAR ResNet of {depth} layers")


ROWS: dict[str, ModelSpec] = {
    "resnet_r0": ModelSpec(
        partial(ResNet, stages=_THREE),
        {"activation": "silu", "leaky_slope": 0.01, "stem_activation": "quirk", "init": "torch"},
        "three stages of two blocks, with the report's GELU stem unless blocks use SiLU",
    ),
    "resnet_r3": ModelSpec(
        partial(ResNet, stages=_THREE),
        {"stem_bn": False, "init": "torch"},
        "three stages of two blocks, ReLU, no BatchNorm in the stem",
    ),
    "resnet18": _imagenet("ResNet-18 with a 3x3 stem and no max-pooling"),
    "resnet34": _imagenet(
        "ResNet-34, likewise", stages=((64, 3), (128, 4), (256, 6), (512, 3))
    ),
    "resnet50": _imagenet(
        "ResNet-50, likewise", block=Bottleneck, stages=((256, 3), (512, 4), (1024, 6), (2048, 3))
    ),
    **{f"cifar_resnet{depth}": _cifar(depth) for depth in (20, 32, 44, 56, 110, 1202)},
    "rci20": ModelSpec(
        partial(
            ResNet, block=SwappedBlock, stages=((16, 3), (32, 3), (64, 3)), stem=16, shortcut="A",
            initialiser="kaiming_fan_in",
        ),
        {"activation": "leaky_relu", "leaky_slope": 0.01, "input_dropout2d": 1 / 3},
        "the CIFAR ResNet of 20 layers with BatchNorm before each convolution",
    ),
}  # fmt: skip
