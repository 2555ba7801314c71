"""XLA's own convolution for accelerators: a population's kernel gradient as one grouped call."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from jaxcifar.models.convolution.lowerings import LOWERINGS, Geometry

_library = LOWERINGS["library"]


@functools.cache
def conv(geometry: Geometry) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """(x, kernel) -> XLA's convolution as JAX differentiates it, but for one case under `vmap`.

    Where images and kernels both have a mapped axis, JAX makes the kernel's gradient a convolution
    whose windows are as large as the image, for which cuDNN has no fast kernel. Here it is the
    gradient of one convolution whose groups are the members: cuDNN's own operation, on arrays that
    lie as the forward pass left them.
    """

    def one(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return _library(x, kernel, geometry)

    whole = jax.custom_vjp(one)

    def pull_back(
        saved: tuple[jax.Array, jax.Array], grad: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        x, kernel = saved
        to_x = jax.vjp(lambda x: one(x, kernel), x)[1]
        return to_x(grad)[0], to_kernel(x, kernel, grad)

    @custom_vmap
    def to_kernel(x: jax.Array, kernel: jax.Array, grad: jax.Array) -> jax.Array:
        return _to_kernel(geometry, x, kernel, grad)

    @to_kernel.def_vmap
    def rule(members: int, batched: list[bool], *args: jax.Array) -> tuple[jax.Array, bool]:
        if geometry.groups > 1 or not (batched[0] and batched[2]):
            axes = [0 if flag else None for flag in batched]
            alone = functools.partial(_to_kernel, geometry)
            # Only tangents may be mapped, as in products of one network's Hessian.
            return (jax.vmap(alone, axes) if any(batched) else alone)(*args), any(batched)
        kernel = args[1] if batched[1] else jnp.broadcast_to(args[1], (members, *args[1].shape))
        x, kernel, grad = map(_side_by_side, (args[0], kernel, args[2]))
        found = _to_kernel(geometry._replace(groups=members), x, kernel, grad)
        return jnp.moveaxis(found.reshape(*found.shape[:3], members, -1), 3, 0), True

    whole.defvjp(lambda x, kernel: (one(x, kernel), (x, kernel)), pull_back)
    return whole


def _to_kernel(geometry: Geometry, x: jax.Array, kernel: jax.Array, grad: jax.Array) -> Any:
    return jax.vjp(lambda kernel: _library(x, kernel, geometry), kernel)[1](grad)[0]


def _side_by_side(a: jax.Array) -> jax.Array:
    """(M, ..., C) -> (..., M * C)."""
    return jnp.moveaxis(a, 0, -2).reshape(*a.shape[1:-1], -1)
