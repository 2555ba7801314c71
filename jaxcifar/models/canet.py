"""CANet: residual blocks of two convolution paths, one gated by place, the other by channel."""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcifar.models.activations import relu
from jaxcifar.models.initialisers import kernel_initialiser
from jaxcifar.models.layers import BatchNorm, Dropout, compute_dtype
from jaxcifar.models.network import Network, conv_bn
from jaxcifar.models.spec import ModelSpec

# (factor on the width, stride, side of the spatial attention's kernel) of each block
BLOCKS = ((1, 1, 7), (1, 1, 7), (2, 2, 5), (2, 1, 5), (4, 2, 3), (4, 2, 3))

SE_KERNELS = (3, 5, 7)
"""Sides of the one-dimensional kernels that channel attention mixes."""


def channel_max(x: jax.Array) -> jax.Array:
    """Maximum over the last axis, its gradient going to the first largest channel.

    The place is found once. The gradient of `jnp.max` compares x with the maximum again, which
    gave 0 / 0 where the compiler had computed x twice and rounded it differently.
    """
    places = jnp.arange(x.shape[-1]).reshape((1,) * (x.ndim - 1) + (-1,))
    return jnp.where(places == jnp.argmax(x, axis=-1, keepdims=True), x, 0).sum(axis=-1)


class SpatialAttention(Network):
    """x * sigmoid(conv([mean over channels, maximum over channels])).

    Attributes:
        kernel: side of the convolution, odd.
    """

    kernel: int = 3

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> the same shape."""
        seen = jnp.stack([x.mean(axis=-1), channel_max(x)], axis=-1)
        conv = self.conv(1, self.kernel, padding=self.kernel // 2, use_bias=False, name="conv")
        gate = jax.nn.sigmoid(conv(seen))
        self.sow("intermediates", "gate", gate)  # for `inside.attention`; else it does nothing
        return x * gate


def conv1d(y: jax.Array, kernel: jax.Array) -> jax.Array:
    """Cross-correlation of (N, C) along C with an odd kernel (k,), zeros beyond the ends.

    As a product with a banded matrix: compilers would fuse a sum of taps into what follows, and
    its gradient into what came before, where every pixel would compute its image's taps anew.
    """
    side, length = kernel.shape[0] // 2, y.shape[1]
    bands = (weight * jnp.eye(length, k=side - tap, dtype=y.dtype)
             for tap, weight in enumerate(kernel))  # fmt: skip
    return y @ functools.reduce(jnp.add, bands)


class ChannelAttention(Network):
    """x * sigmoid(sum_k w_k conv1d_k(mean of x over pixels)), the convolutions along channels.

    Parameters: `kernel3`, `kernel5`, `kernel7` of shape (k, 1, 1), and `mix` (3,), from 1.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> the same shape."""
        init = kernel_initialiser(self.initialiser)
        mix = self.param("mix", nn.initializers.ones, (len(SE_KERNELS),), "float32")
        dtype = compute_dtype(self.dtype, mix)
        y, z = x.mean(axis=(1, 2)), 0.0
        for number, k in enumerate(SE_KERNELS):
            kernel = self.param(f"kernel{k}", init, (k, 1, 1), "float32").astype(dtype)
            z = z + mix[number].astype(dtype) * conv1d(y, kernel[:, 0, 0])
        return x * jax.nn.sigmoid(z)[:, None, None, :]


class UnitTransform(Network):
    """sigmoid(conv1x1(relu(conv1x1(x)))) through half the channels: gates in (0, 1)."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(N, H, W, C) -> the same shape."""
        channels = x.shape[-1]
        y = relu(self.conv(channels // 2, 1, use_bias=False, name="conv1")(x))
        return jax.nn.sigmoid(self.conv(channels, 1, use_bias=False, name="conv2")(y))


class AttResBlock(Network):
    """relu(bn(U(SA(a)) * a + U(SE(b)) * b + down(x))): U shared, a and b two convolution paths.

    Attributes:
        channels: out of the block.
        stride: of the paths' second convolution and of `down`.
        attention: side of the spatial attention's kernel.
    """

    channels: int = 16
    stride: int = 1
    attention: int = 3

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """(N, H, W, C) -> (N, H / stride, W / stride, channels)."""
        a = self._path(x, train, 1)
        b = self._path(x, train, 2)
        unit = UnitTransform(**self.shared, name="unit")
        gated = unit(SpatialAttention(**self.shared, kernel=self.attention, name="sa")(a)) * a
        gated += unit(ChannelAttention(**self.shared, name="se")(b)) * b
        return relu(BatchNorm(name="bn3")(gated + self._down(x, train), train))

    def _path(self, x: jax.Array, train: bool, number: int) -> jax.Array:
        first = self.conv(self.channels, padding=1, use_bias=False, name=f"conv{2 * number - 1}")
        return conv_bn(
            self, relu(first(x)), train, self.channels, stride=self.stride,
            name=f"conv{2 * number}", norm=f"bn{number}", act=relu,
        )  # fmt: skip

    def _down(self, x: jax.Array, train: bool) -> jax.Array:
        """3x3 where the size stays, else 2x2 windows side by side."""
        kernel, padding = (3, 1) if self.stride == 1 else (2, 0)
        return conv_bn(
            self, x, train, self.channels, kernel, stride=self.stride, padding=padding,
            name="down_conv", norm="down_bn",
        )  # fmt: skip


class Canet(Network):
    """Six `AttResBlock`s, means over 2x2 places, BatchNorm, two dense layers.

    Attributes:
        width: channels of the first block.
        hidden: features of the hidden dense layer.
        dropout_rate: between the dense layers; may be traced.
        classes: number of logits.
    """

    width: int = 64
    hidden: int = 108
    dropout_rate: float = 0.0
    classes: int = 10

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Logits of a batch of images."""
        x = images
        for number, (factor, stride, attention) in enumerate(BLOCKS):
            sizes = {"channels": factor * self.width, "stride": stride, "attention": attention}
            x = AttResBlock(**self.shared, **sizes, name=f"res{number}")(x, train)
        n, h, w, c = x.shape
        x = x.reshape(n, 2, h // 2, 2, w // 2, c).mean(axis=(2, 4))
        x = BatchNorm(name="bn")(x, train).reshape(n, -1)
        x = relu(self.dense(self.hidden, name="fc1")(x))
        x = Dropout(name="drop")(x, self.traced("dropout_rate"), train)
        return self.head(self.classes, name="fc2")(x)


def _row(size: str, width: int, hidden: int) -> ModelSpec:
    return ModelSpec(
        functools.partial(Canet, width=width, hidden=hidden),
        {"dropout_rate": 0.0, "init": "torch"},
        f"the {size} attention-residual network, from {width} channels",
        first_kernel=("res0", "conv1", "kernel"),
        last_kernel=("fc2", "kernel"),
    )


_SIZES = {"tiny": (16, 27), "light": (32, 54), "base": (64, 108), "pro": (128, 216)}
ROWS = {f"canet_{size}": _row(size, *widths) for size, widths in _SIZES.items()}
