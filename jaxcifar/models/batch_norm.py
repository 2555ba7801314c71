"""Batch normalisation of a batch of images or features: the arithmetic, with its own gradient."""

import math
from functools import partial

import jax
import jax.numpy as jnp

from jaxcifar.core.errors import UserError


def along_channels(values: jax.Array, x: jax.Array) -> jax.Array:
    """(C,) -> (1, ..., 1, C), of the rank of `x`: broadcasting said aloud."""
    return values.reshape((1,) * (x.ndim - 1) + (-1,))


def values_of(x: jax.Array, axis: str | None) -> int:
    """Values a channel, those of all parts along a mesh axis if there is one."""
    return math.prod(x.shape[:-1]) * (1 if axis is None else jax.lax.psum(1, axis))


def _over(values: jax.Array, axis: str | None) -> jax.Array:
    """The mean over the equal parts along a mesh axis; `values` where there is none."""
    return values if axis is None else jax.lax.pmean(values, axis)


def _moments(x: jax.Array, axis: str | None) -> tuple[jax.Array, jax.Array]:
    """Mean and biased variance per channel, by two passes, in float32 at least.

    Raises: UserError: of a single value, whose variance is 0: nothing is left of it, and running
        variances would be pulled to 0. PyTorch refuses, too.
    """
    if values_of(x, axis) == 1:
        raise UserError(
            "BatchNorm has a single value a channel to train on: one image, one pixel\n"
            "give it larger batches, or larger maps"
        )
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    axes = tuple(range(x.ndim - 1))
    mean = _over(jnp.mean(wide, axes), axis)
    return mean, _over(jnp.mean(jnp.square(wide - along_channels(mean, x)), axes), axis)


def normalise(
    x: jax.Array, mean: jax.Array, var: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> jax.Array:
    """(x - mean) / sqrt(var + epsilon) * scale + bias over the last axis, in the dtype of `x`."""
    gain = along_channels(scale * jax.lax.rsqrt(var + epsilon), x)
    return ((x - along_channels(mean, x)) * gain + along_channels(bias, x)).astype(x.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def batch_norm(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float, axis: str | None = None
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Normalises over all axes but the last by the batch's own moments (arXiv:1502.03167).

    Args:
        x: (..., C) in the compute dtype.
        scale: (C,) float32 (float64).
        bias: (C,), likewise.
        epsilon: added to the variance.
        axis: of a mesh, along which lie the equal parts of the batch that `x` is one of; None =
            `x` is all of it. Gradients of scale and bias are this part's alone.

    Returns:
        The normalised array in the dtype of `x`; mean (C,); *biased* variance (C,), both float32
        (float64). The variance takes two passes: the one-pass formula E[x^2] - E[x]^2 cancels.
        No gradient flows through the two moments as outputs: they feed running averages.

    Raises: UserError: `x` holds a single value a channel.
    """
    mean, var = _moments(x, axis)
    return normalise(x, mean, var, scale, bias, epsilon), mean, var


def _forward(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float, axis: str | None
) -> tuple[tuple[jax.Array, jax.Array, jax.Array], tuple]:
    mean, var = _moments(x, axis)
    out = normalise(x, mean, var, scale, bias, epsilon)
    return (out, mean, var), (x, mean, jax.lax.rsqrt(var + epsilon), scale)


def _backward(axis: str | None, saved: tuple, grads: tuple[jax.Array, ...]) -> tuple:
    """d/dx: gain * (g - mean(g) - x_hat * mean(g * x_hat)), sums taken in float32 at least."""
    x, mean, inverse, scale = saved
    grad = grads[0].astype(mean.dtype)
    axes = tuple(range(x.ndim - 1))
    count = math.prod(x.shape[:-1])
    x_hat = (x - along_channels(mean, x)) * along_channels(inverse, x)
    grad_bias = jnp.sum(grad, axes)
    grad_scale = jnp.sum(grad * x_hat, axes)
    mean_bias, mean_scale = (_over(part, axis) / count for part in (grad_bias, grad_scale))
    shared = along_channels(mean_bias, x) + x_hat * along_channels(mean_scale, x)
    grad_x = along_channels(scale * inverse, x) * (grad - shared)
    return grad_x.astype(x.dtype), grad_scale, grad_bias, None


batch_norm.defvjp(_forward, _backward)
