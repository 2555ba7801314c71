"""The layers every network is made of: convolution, dense, normalisation, dropout."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcifar.core.shards import WHOLE, Part
from jaxcifar.models import convolution, initialisers
from jaxcifar.models.batch_norm import along_channels, batch_norm, normalise, values_of
from jaxcifar.models.convolution import conv2d

MOMENTUM = 0.9
"""Weight of the *old* running statistic in every update; PyTorch writes the same as 0.1."""

EPSILON = 1e-5
"""Added to the variance of every batch normalisation."""


def compute_dtype(dtype: Any, param: jax.Array) -> Any:
    """The dtype to compute in: `dtype`, but float64 where parameters are float64."""
    return param.dtype if param.dtype == jnp.float64 else dtype


class Conv(nn.Module):
    """2-D convolution with symmetric padding; parameters `kernel` (HWIO) and `bias`.

    Input (N, H, W, C) float, output (N, H', W', features) in the compute dtype.
    """

    features: int
    kernel: int | tuple[int, int] = 3
    stride: int = 1
    padding: int = 0
    groups: int = 1
    use_bias: bool = True
    initialiser: str = "torch"
    dtype: Any = jnp.float32
    lowering: str | None = None
    members: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolves a batch of images."""
        kh, kw = (self.kernel, self.kernel) if isinstance(self.kernel, int) else self.kernel
        shape = (kh, kw, x.shape[3] // self.groups, self.features)
        kernel = self.param(
            "kernel", initialisers.kernel_initialiser(self.initialiser), shape, "float32"
        )
        dtype = compute_dtype(self.dtype, kernel)
        y = conv2d(
            x.astype(dtype),
            kernel.astype(dtype),
            stride=self.stride,
            padding=self.padding,
            groups=self.groups,
            lowering=self._lowering(x, (kh, kw)),
        )
        if self.use_bias:
            init = initialisers.bias_initialiser(self.initialiser, shape)
            bias = self.param("bias", init, (self.features,), "float32").astype(dtype)
            y = y + along_channels(bias, y)
        return y

    def _lowering(self, x: jax.Array, kernel: tuple[int, int]) -> str:
        sizes = (x.shape[3], self.features, x.shape[1])
        form = (kernel, self.stride, self.padding, self.groups)
        return convolution.resolve(convolution.Case(*form, *sizes, self.members), self.lowering)


class Dense(nn.Module):
    """Linear layer over the last axis; parameters `kernel` (in, out) and `bias`."""

    features: int
    use_bias: bool = True
    initialiser: str = "torch"
    bias_initialiser: str = ""  # empty: as the kernel's
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """(..., in) -> (..., features) in the compute dtype."""
        shape = (x.shape[-1], self.features)
        kernel = self.param(
            "kernel", initialisers.kernel_initialiser(self.initialiser), shape, "float32"
        )
        dtype = compute_dtype(self.dtype, kernel)
        y = x.astype(dtype) @ kernel.astype(dtype)
        if self.use_bias:
            name = self.bias_initialiser or self.initialiser
            init = initialisers.bias_initialiser(name, shape)
            bias = self.param("bias", init, (self.features,), "float32").astype(dtype)
            y = y + along_channels(bias, y)
        return y


class BatchNorm(nn.Module):
    """Batch normalisation over the last axis, with PyTorch's running statistics.

    Parameters `scale`, `bias`; statistics `mean`, `var` in the collection `batch_stats`. Training
    normalises by the batch's *biased* variance and averages the *unbiased* one, n / (n - 1) times
    as large: running <- 0.9 running + 0.1 batch. Evaluation normalises by the running statistics.
    Parameters, statistics and sums are float32 (float64 where parameters are) under any compute
    dtype; the output has the dtype of the input.
    """

    momentum: float = MOMENTUM
    epsilon: float = EPSILON

    @nn.compact
    def __call__(self, x: jax.Array, train: bool, axis: str | None = None) -> jax.Array:
        """Normalises (..., C); training also updates `batch_stats` when it is mutable.

        `axis` as of `batch_norm`, see `jaxcifar.models.spread`.
        """
        size = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones, size, "float32")
        bias = self.param("bias", nn.initializers.zeros, size, "float32")
        mean = self.variable("batch_stats", "mean", jnp.zeros, size, scale.dtype)
        var = self.variable("batch_stats", "var", jnp.ones, size, scale.dtype)
        if not train:
            return normalise(x, mean.value, var.value, scale, bias, self.epsilon)
        y, batch_mean, batch_var = batch_norm(x, scale, bias, self.epsilon, axis)
        if self.is_mutable_collection("batch_stats") and not self.is_initializing():
            count = values_of(x, axis)
            self._average(mean, batch_mean)
            self._average(var, batch_var * (count / max(count - 1, 1)))
        return y

    def _average(self, running: nn.Variable, batch: jax.Array) -> None:
        old = running.value
        running.value = (self.momentum * old + (1 - self.momentum) * batch).astype(old.dtype)


def dropout(
    x: jax.Array, rate: float | jax.Array, key: jax.Array, broadcast: tuple[int, ...] = (),
    part: Part = WHOLE,
) -> jax.Array:  # fmt: skip
    """Inverted dropout: zero with probability `rate`, else x / (1 - rate).

    Args:
        x: any float array.
        rate: in [0, 1]; may be traced. Rate 0 gives `x` itself, rate 1 zeros.
        key: the random key of this layer at this step.
        broadcast: axes along which one draw serves all; (1, 2) drops whole channels (Dropout2d).
        part: of a batch, which is drawn for as a whole.
    """
    shape = tuple(1 if a in broadcast else n for a, n in enumerate(part.whole(x.shape)))
    flat = jax.random.uniform(key, (math.prod(shape),))  # flat, see initialisers
    keep = part.of(flat.reshape(shape)) >= rate
    kept = 1 - jnp.asarray(rate, jnp.promote_types(x.dtype, jnp.float32))
    gain = jnp.where(kept > 0, 1 / jnp.where(kept > 0, kept, 1), 0).astype(x.dtype)
    return jnp.where(keep, x * gain, 0)


class Dropout(nn.Module):
    """Dropout whose rate is an argument of the call, so that members may differ in it."""

    broadcast: tuple[int, ...] = ()

    @nn.compact
    def __call__(
        self, x: jax.Array, rate: float | jax.Array, train: bool, part: Part = WHOLE
    ) -> jax.Array:
        """See `dropout`; the identity without drawing in evaluation or at a Python rate of 0."""
        if not train or (isinstance(rate, float | int) and rate == 0):
            return x
        return dropout(x, rate, self.make_rng("dropout"), self.broadcast, part)
