"""Max-pooling without select-and-scatter, which is slow on CPUs and not repeatable on GPUs.

The gradient of a window goes to one element alone, the first maximum in reading order, as in
PyTorch. A NaN in a window gives NaN.
"""

import functools
import itertools

import jax
import jax.numpy as jnp


def _tiles(x: jax.Array, k: int) -> jax.Array:
    """(N, H, W, C) -> (N, H // k, k, W // k, k, C); rows and columns left over are left out."""
    n, h, w, c = x.shape
    return x[:, : h // k * k, : w // k * k].reshape(n, h // k, k, w // k, k, c)


def _tournament(x: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    """Maxima of the tiles and, as uint8, the places they were found at in reading order.

    Found by comparing elements, never by comparing them with the maximum: a compiler may compute x
    twice with different rounding, and then nothing equals it.
    """
    tiles = _tiles(x, k)
    best, winner = tiles[:, :, 0, :, 0], jnp.uint8(0)
    for place in range(1, k * k):
        tap = tiles[:, :, place // k, :, place % k]
        better = (tap > best) | jnp.isnan(tap)
        best, winner = jnp.where(better, tap, best), jnp.where(better, jnp.uint8(place), winner)
    return best, winner


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def max_pool_tiles(x: jax.Array, k: int) -> jax.Array:
    """Maximum over k x k windows, stride k: (N, H, W, C) -> (N, H // k, W // k, C)."""
    return jnp.max(_tiles(x, k), axis=(2, 4))


def _forward(x: jax.Array, k: int) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    out, winner = _tournament(x, k)
    return out, (winner, jnp.zeros((0, *x.shape[1:3])))


def _backward(k: int, saved: tuple[jax.Array, jax.Array], grad: jax.Array) -> tuple[jax.Array]:
    winner, (_, h, w) = saved[0], saved[1].shape
    places = jnp.arange(k * k, dtype=jnp.uint8).reshape(1, 1, k, 1, k, 1)
    spread = jnp.where(winner[:, :, None, :, None] == places, grad[:, :, None, :, None], 0)
    n, c = grad.shape[0], grad.shape[3]
    spread = spread.reshape(n, h // k * k, w // k * k, c)
    return (jnp.pad(spread, ((0, 0), (0, h % k), (0, w % k), (0, 0))),)


max_pool_tiles.defvjp(_forward, _backward)


def max_pool_3x3_stride2(x: jax.Array) -> jax.Array:
    """Maximum over overlapping 3x3 windows, stride 2, padding 1: (N, H, W, C), H and W even.

    Nine shifted images, padded by -inf; the later one wins only where it is strictly larger.
    """
    lowest = jnp.asarray(-jnp.inf, x.dtype)
    padded = jax.lax.pad(x, lowest, ((0, 0, 0), (1, 1, 0), (1, 1, 0), (0, 0, 0)))
    h, w = x.shape[1], x.shape[2]
    shifted = [
        padded[:, i : i + h - 1 : 2, j : j + w - 1 : 2]
        for i, j in itertools.product(range(3), repeat=2)
    ]
    return functools.reduce(lambda a, b: jnp.where((b > a) | jnp.isnan(b), b, a), shifted)
