"""Initial values of kernels and biases, by name; what PyTorch and the papers mean by the names.

Kernels are (kh, kw, Cin / groups, Cout) or (in, out): fan_in is the product of all but the last
axis, fan_out that of the last and the spatial ones. No normal here is truncated.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.nn import initializers

from jaxcifar.core.errors import unknown

Initialiser = Callable[..., jax.Array]
"""(key, shape, dtype) -> array of that shape."""


def _drawn(draw: Callable[..., jax.Array], bound: Callable[[int, int], float]) -> Initialiser:
    """Numbers of `draw`, times a factor of (fan_in, fan_out).

    They are drawn flat: on a CPU XLA compiles the generator over one axis ten times faster than
    over four, and under vmap fifteen times. The numbers are the same.
    """

    def initialise(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype) -> jax.Array:
        fan_in = math.prod(shape[:-1])
        fan_out = shape[-1] * math.prod(shape[:-2])
        flat = draw(key, (math.prod(shape),), dtype)
        return (bound(fan_in, fan_out) * flat).reshape(shape)

    return initialise


def _symmetric(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype) -> jax.Array:
    return jax.random.uniform(key, shape, dtype, -1, 1)


KERNELS: dict[str, Initialiser] = {
    "torch": _drawn(_symmetric, lambda fan_in, fan_out: fan_in**-0.5),
    "xavier_normal": _drawn(jax.random.normal, lambda i, o: math.sqrt(2 / (i + o))),
    "kaiming_fan_in": _drawn(jax.random.normal, lambda fan_in, fan_out: math.sqrt(2 / fan_in)),
    "kaiming_fan_out": _drawn(jax.random.normal, lambda fan_in, fan_out: math.sqrt(2 / fan_out)),
    "normal": _drawn(jax.random.normal, lambda fan_in, fan_out: 0.01),
}
"""torch: U(-1/sqrt(fan_in), 1/sqrt(fan_in)), what PyTorch's Conv2d and Linear start from;
xavier_normal: N(0, 2 / (fan_in + fan_out)); kaiming_*: N(0, 2 / fan); normal: N(0, 0.01^2)."""


def kernel_initialiser(name: str) -> Initialiser:
    """The initialiser of kernels called `name`; raises UserError for one not in `KERNELS`."""
    if name not in KERNELS:
        raise unknown("initialiser", name, KERNELS)
    return KERNELS[name]


def bias_initialiser(name: str, kernel_shape: tuple[int, ...]) -> Initialiser:
    """The biases that go with kernels of initialiser `name`.

    PyTorch's default draws them from U(-1/sqrt(fan_in), 1/sqrt(fan_in)) with the *kernel's*
    fan_in; beside every other kernel they are zero.
    """
    if name != "torch":
        return initializers.zeros
    bound = 1 / math.sqrt(math.prod(kernel_shape[:-1]))

    def uniform(key: jax.Array, shape: tuple[int, ...], dtype: jnp.dtype) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return uniform
