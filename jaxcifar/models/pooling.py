"""Max-pooling without select-and-scatter, which is slow on CPUs and not repeatable on GPUs."""

import jax
import jax.numpy as jnp


def _windows(x: jax.Array) -> jax.Array:
    """(N, H, W, C) -> (N, H // 2, 2, W // 2, 2, C); an odd last row or column is left out."""
    n, h, w, c = x.shape
    return x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c)


@jax.custom_vjp
def max_pool_2x2(x: jax.Array) -> jax.Array:
    """Maximum over 2x2 windows, stride 2: (N, H, W, C) -> (N, H // 2, W // 2, C).

    The gradient of a window goes to one element alone: the first maximum in reading order, as in
    PyTorch. A NaN in a window gives NaN.
    """
    return jnp.max(_windows(x), axis=(2, 4))


def _forward(x: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    out = jnp.max(_windows(x), axis=(2, 4))
    return out, (x, out)


def _backward(saved: tuple[jax.Array, jax.Array], grad: jax.Array) -> tuple[jax.Array]:
    x, out = saved
    windows = _windows(x)
    a, b, c = windows[:, :, 0, :, 0], windows[:, :, 0, :, 1], windows[:, :, 1, :, 0]
    last = jnp.where(c == out, 2, 3)
    winner = jnp.where(a == out, 0, jnp.where(b == out, 1, last)).astype(jnp.uint8)
    place = jnp.array([[0, 1], [2, 3]], jnp.uint8)[None, None, :, None, :, None]
    spread = jnp.where(winner[:, :, None, :, None] == place, grad[:, :, None, :, None], 0)
    n, h, w, ch = x.shape
    spread = spread.reshape(n, h // 2 * 2, w // 2 * 2, ch)
    return (jnp.pad(spread, ((0, 0), (0, h % 2), (0, w % 2), (0, 0))),)


max_pool_2x2.defvjp(_forward, _backward)
