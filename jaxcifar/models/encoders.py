"""From a dense network to residual encoders: FCNN, ConvEncoder, RN-N, RR-N."""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcifar.core.errors import UserError
from jaxcifar.models.layers import BatchNorm, Dropout
from jaxcifar.models.network import Activation, Network, repeat
from jaxcifar.models.pooling import max_pool_tiles
from jaxcifar.models.spec import ModelSpec

POOL = 3
"""Side and stride of the encoder's max-pooling windows."""


class Fcnn(Network):
    """Dense layers only: `depth` + 1 hidden ones of `width` features, then the logits.

    Attributes:
        width: features of each hidden layer.
        depth: hidden layers after the first.
        activation: after each hidden layer.
        leaky_slope: the leaky_relu's slope for negative inputs; may be traced.
        dropout_rate: after each hidden activation; may be traced.
        classes: number of logits.
    """

    width: int = 256
    depth: int = 8
    activation: str = "leaky_relu"
    leaky_slope: float = 0.01
    dropout_rate: float = 0.0
    classes: int = 10

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Logits of a batch of images."""
        act, rate = self.activation_fn(self.activation), self.traced("dropout_rate")
        x = images.reshape(images.shape[0], -1)
        for number in range(1, self.depth + 2):
            x = act(self.dense(self.width, name=f"fc{number}")(x))
            x = Dropout(name=f"drop{number}")(x, rate, train)
        return self.head(self.classes, name="fc")(x)


class Encoder(Network):
    """Times [conv 3x3 without bias, activation, 3x3 max-pooling], then one dense layer.

    Attributes:
        channels: of the convolutions.
        strides: of the convolutions.
        act: the activation.
        classes: number of logits.
    """

    channels: tuple[int, ...] = (64, 64, 32)
    strides: tuple[int, ...] = (1, 1, 1)
    act: Activation = nn.relu
    classes: int = 10

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> logits (N, classes). Raises: UserError: nothing is left to pool."""
        if len(self.channels) != len(self.strides):
            raise UserError(
                f"channels={self.channels} and strides={self.strides} differ in length\n"
                "give one stride for each convolution"
            )
        plan = zip(self.channels, self.strides, strict=True)
        for number, (channels, stride) in enumerate(plan, start=1):
            options = {"stride": stride, "padding": 1, "use_bias": False}
            x = self.act(self.conv(channels, name=f"conv{number}", **options)(x))
            if x.shape[1] < POOL:
                raise UserError(
                    f"convolution {number} leaves {x.shape[1]}x{x.shape[2]} pixels, too few to "
                    f"pool by {POOL}\ngive fewer channels or smaller strides"
                )
            x = max_pool_tiles(x, POOL)
        return self.head(self.classes, name="fc")(x.reshape(x.shape[0], -1))


class ConvEncoder(Network):
    """`Encoder` on the image.

    Attributes:
        channels: of the convolutions.
        strides: of the convolutions.
        activation: after each convolution.
        leaky_slope: the leaky_relu's slope for negative inputs; may be traced.
    """

    channels: tuple[int, ...] = (64, 64, 32)
    strides: tuple[int, ...] = (1, 1, 1)
    activation: str = "leaky_relu"
    leaky_slope: float = 0.01

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Logits of a batch of images."""
        del train
        act = self.activation_fn(self.activation)
        return Encoder(
            **self.shared, channels=self.channels, strides=self.strides, act=act, name="encoder"
        )(images)


class EncoderBlock(Network):
    """x[:channels] + bn(conv(act(bn(conv(x))))), no activation after the sum.

    Attributes:
        channels: of the sum.
        hidden: between the two convolutions.
        act: the activation.
    """

    channels: int = 16
    hidden: int = 32
    act: Activation = nn.relu

    @nn.compact
    def __call__(self, x: jax.Array, again: jax.Array | None, train: bool) -> jax.Array:
        """(N, H, W, channels) -> the same shape.

        Args:
            x: what the block before gave.
            again: channels to show the first convolution beside x, or None.
            train: as of the network.
        """
        seen = x if again is None else jnp.concatenate([x, again], axis=-1)
        options = {"padding": 1, "use_bias": False}
        y = self.conv(self.hidden, name="conv1", **options)(seen)
        y = self.act(BatchNorm(name="bn1")(y, train))
        y = self.conv(self.channels, name="conv2", **options)(y)
        return x + BatchNorm(name="bn2")(y, train)


class ResidualEncoder(Network):
    """1x1 convolution, `blocks` of `EncoderBlock`, then `Encoder`: RN-N, and RR-N with `recall`.

    Attributes:
        blocks: how many.
        recall: every block sees the (dropped-out) image beside its input.
        channels: of the residual stream.
        hidden: inside a block.
        activation: in the blocks and the encoder.
        leaky_slope: the leaky_relu's slope for negative inputs; may be traced.
        input_dropout2d: rate at which whole colour channels of the input are dropped; traced.
    """

    blocks: int = 16
    recall: bool = False
    channels: int = 16
    hidden: int = 32
    activation: str = "leaky_relu"
    leaky_slope: float = 0.01
    input_dropout2d: float = 0.0

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Logits of a batch of images."""
        act = self.activation_fn(self.activation)
        seen = Dropout((1, 2), name="input_drop")(images, self.traced("input_dropout2d"), train)
        x = self.conv(self.channels, 1, use_bias=False, name="conv1")(seen)
        again = seen.astype(x.dtype) if self.recall else None
        make = partial(
            EncoderBlock, **self.shared, channels=self.channels, hidden=self.hidden, act=act
        )
        x = repeat(make, self.blocks, "blocks", x, again, train)
        return Encoder(**self.shared, act=act, name="encoder")(x)


_ACT = {"activation": "leaky_relu", "leaky_slope": 0.01}
_ENCODER_LAST = ("encoder", "fc", "kernel")


def _residual(blocks: int, recall: bool) -> ModelSpec:
    rate = 1 / 3 if recall else 0.0
    sizes = {"channels": 16, "hidden": 32, "input_dropout2d": rate, "init": "torch"}
    kind = "which see the image again" if recall else "under a convolutional encoder"
    return ModelSpec(
        partial(ResidualEncoder, blocks=blocks, recall=recall),
        _ACT | sizes,
        f"{blocks} residual blocks of 16 channels, {kind}",
        last_kernel=_ENCODER_LAST,
    )


ROWS = {
    "fcnn": ModelSpec(
        Fcnn,
        _ACT | {"width": 256, "depth": 8, "dropout_rate": 0.0, "init": "torch"},
        "ten dense layers",
        first_kernel=("fc1", "kernel"),
    ),
    "conv_encoder": ModelSpec(
        ConvEncoder,
        _ACT | {"channels": (64, 64, 32), "strides": (1, 1, 1), "init": "torch"},
        "three convolutions with 3x3 max-pooling, one dense layer",
        first_kernel=("encoder", "conv1", "kernel"),
        last_kernel=_ENCODER_LAST,
    ),
    **{f"rn{n}": _residual(n, recall=False) for n in (4, 8, 16)},
    **{f"rr{n}": _residual(n, recall=True) for n in (16, 20, 32)},
}
