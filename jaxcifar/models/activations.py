"""Activation functions by name, elementwise and with PyTorch's values and derivatives."""

from collections.abc import Callable

import jax
import jax.numpy as jnp


def relu(x: jax.Array) -> jax.Array:
    """max(x, 0); derivative 0 at 0; NaN stays NaN."""
    return jax.nn.relu(x)


def leaky_relu(x: jax.Array, slope: float | jax.Array = 0.01) -> jax.Array:
    """x where x > 0, else slope * x; derivative `slope` at 0."""
    return jnp.where(x > 0, x, x * slope)


def elu(x: jax.Array) -> jax.Array:
    """x where x > 0, else exp(x) - 1."""
    return jax.nn.elu(x)


def silu(x: jax.Array) -> jax.Array:
    """x * sigmoid(x), also called Swish."""
    return jax.nn.silu(x)


def gelu(x: jax.Array) -> jax.Array:
    """x * Phi(x) with the exact normal distribution function, not its tanh approximation."""
    return jax.nn.gelu(x, approximate=False)


def mish(x: jax.Array) -> jax.Array:
    """x * tanh(log(1 + exp(x)))."""
    return jax.nn.mish(x)


def relu6(x: jax.Array) -> jax.Array:
    """min(max(x, 0), 6)."""
    return jax.nn.relu6(x)


ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": relu,
    "leaky_relu": leaky_relu,
    "elu": elu,
    "silu": silu,
    "swish": silu,
    "gelu": gelu,
    "mish": mish,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "relu6": relu6,
}
"""Activations without parameters; `leaky_relu` takes its slope and `prelu` learns it (see
`jaxcifar.models.network.Network.activation_fn`)."""
