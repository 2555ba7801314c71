"""2-D convolution, NHWC by HWIO, in several lowerings with identical mathematics.

A lowering says which primitive operations carry a convolution. XLA's CPU backend has no fast
backward pass for its own convolution, and runs none of it in parallel inside a loop or under
`vmap`; matrix products keep their speed in both. Which lowering serves which case is a committed
table (`jaxcifar.models.lowering`), never a measurement at run time.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap

from jaxcifar.errors import unknown
from jaxcifar.models import winograd


class Geometry(NamedTuple):
    """What fixes the arithmetic of a convolution besides its arrays."""

    stride: int = 1
    padding: int = 0
    groups: int = 1


def conv2d(
    x: jax.Array,
    kernel: jax.Array,
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    lowering: str = "library",
) -> jax.Array:
    """Cross-correlation with symmetric zero padding, as PyTorch's Conv2d.

    Args:
        x: (N, H, W, Cin) float.
        kernel: (kh, kw, Cin / groups, Cout), same dtype as `x`.
        stride: step between windows in pixels, both directions.
        padding: zero pixels added on every side.
        groups: number of channel groups that do not see each other.
        lowering: one of `LOWERINGS`; it must support the case (see `supports`).

    Returns:
        (N, H', W', Cout) in the dtype of `x`, with H' = (H + 2 padding - kh) // stride + 1; sums
        are accumulated in float32 at least.

    Raises:
        UserError: no lowering of that name.
        ValueError: the lowering does not cover this case.
    """
    if lowering not in LOWERINGS:
        raise unknown("lowering", lowering, LOWERINGS)
    geometry = Geometry(stride, padding, groups)
    if not supports(lowering, kernel.shape, geometry):
        raise ValueError(f"lowering {lowering!r} does not cover {kernel.shape} with {geometry}")
    if lowering == "library":
        return _library(x, kernel, geometry)
    return _member_by_member(lowering, geometry)(x, kernel)


@functools.cache
def _member_by_member(lowering: str, geometry: Geometry) -> Callable[..., jax.Array]:
    """The convolution whose `vmap` runs one member after another, forward and backward.

    Products of matrices gain nothing from lying side by side on a CPU, while the transformed
    images of all members together fall out of its caches: a loop over members inside the program
    is 15 to 35 % faster, and needs the memory of one.
    """

    def direct(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return LOWERINGS[lowering](x, kernel, geometry).astype(x.dtype)

    def pull_back(x: jax.Array, kernel: jax.Array, grad: jax.Array) -> tuple[jax.Array, jax.Array]:
        if lowering == "winograd":
            return _winograd_pull_back(x, kernel, grad)
        if lowering in _TURNED and _turnable(kernel.shape, geometry):
            grad_kernel = jax.vjp(functools.partial(direct, x), kernel)[1](grad)[0]
            return _turned(lowering, kernel, geometry, grad).astype(x.dtype), grad_kernel
        return jax.vjp(direct, x, kernel)[1](grad)

    forward, backward = _in_turn(direct), _in_turn(pull_back)
    conv = jax.custom_vjp(lambda x, kernel: forward(x, kernel))
    conv.defvjp(lambda x, k: (forward(x, k), (x, k)), lambda saved, g: backward(*saved, g))
    return conv


_TURNED = ("patches", "rows")
"""Lowerings whose transposition would add windows up one by one; see `_turned`."""


def _turnable(kernel_shape: tuple[int, ...], geometry: Geometry) -> bool:
    kh, kw = kernel_shape[:2]
    return kh == kw > geometry.padding and geometry.stride == 1


def _turned(lowering: str, kernel: jax.Array, geometry: Geometry, grad: jax.Array) -> jax.Array:
    """d/dx of a convolution of stride 1: the gradient convolved with the kernel turned round."""
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    outside = geometry._replace(padding=kernel.shape[0] - 1 - geometry.padding)
    return LOWERINGS[lowering](grad, turned, outside)


def _in_turn(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` whose `vmap` is a loop over the mapped axis.

    `jax.custom_batching.sequential_vmap` does the same but refuses a call where only tangents are
    mapped, which a vmapped Hessian-vector product makes.
    """
    mapped = custom_vmap(function)

    @mapped.def_vmap
    def rule(axis_size: int, in_batched: list[bool], *args: jax.Array) -> tuple[Any, Any]:
        rows = [arg for arg, batched in zip(args, in_batched, strict=True) if batched]

        def one(row: list[jax.Array]) -> Any:
            left = iter(row)
            return mapped(*(next(left) if b else a for a, b in zip(args, in_batched, strict=True)))

        out = lax.map(one, rows) if rows else function(*args)
        return out, jax.tree.map(lambda _: bool(rows), out)

    return mapped


def supports(lowering: str, kernel_shape: tuple[int, ...], geometry: Geometry) -> bool:
    """Whether `lowering` covers a kernel of shape (kh, kw, Cin / groups, Cout)."""
    kh, kw, cin, cout = kernel_shape
    if lowering == "library":
        return True
    if lowering == "products":
        return cin == 1 and geometry.groups == cout
    if geometry.groups > 1:
        return False
    if lowering == "winograd":
        return (kh, kw) == (3, 3) and geometry[:2] == (1, 1)
    if lowering == "matmul":
        return (kh, kw) == (1, 1) and geometry.padding == 0
    return True


def _library(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """XLA's own convolution: cuDNN on a GPU."""
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(geometry.stride,) * 2,
        padding=((geometry.padding,) * 2,) * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=geometry.groups,
    )


def _matmul(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """A 1x1 kernel: one matrix product over the pixels that the stride keeps."""
    if geometry.stride > 1:
        x = x[:, :: geometry.stride, :: geometry.stride]
    return _dot(x, kernel[0, 0])


def _patches(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """All windows side by side (N, H', W', kh * kw * Cin), times the flattened kernel."""
    kh, kw, cin, cout = kernel.shape
    stride, p = geometry.stride, geometry.padding
    h, w = (output_size(x.shape[a], kernel.shape[a - 1], geometry) for a in (1, 2))
    padded = jnp.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    span_h, span_w = (h - 1) * stride + 1, (w - 1) * stride + 1
    windows = [
        padded[:, i : i + span_h : stride, j : j + span_w : stride]
        for i in range(kh)
        for j in range(kw)
    ]
    return _dot(jnp.concatenate(windows, axis=3), kernel.reshape(kh * kw * cin, cout))


def _rows(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """Windows one pixel high (N, H, W', kw * Cin), and one matrix product a row of the kernel.

    Copies 1 / kh of what `_patches` does: for large kernels.
    """
    kh, kw, cin, cout = kernel.shape
    stride, p = geometry.stride, geometry.padding
    h, w = (output_size(x.shape[a], kernel.shape[a - 1], geometry) for a in (1, 2))
    padded = jnp.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    span_h, span_w = (h - 1) * stride + 1, (w - 1) * stride + 1
    windows = jnp.concatenate([padded[:, :, j : j + span_w : stride] for j in range(kw)], axis=3)
    return _total(
        _dot(windows[:, i : i + span_h : stride], kernel[i].reshape(kw * cin, cout))
        for i in range(kh)
    )


def _shifts(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """One matrix product a tap, over the pixels where the tap meets the image and not padding."""
    return _total(
        _place(_dot(part, kernel[i, j]), border)
        for i, j, part, border in _taps(x, kernel, geometry)
    )


def _products(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """Depthwise: the sum over taps of a shifted image times the tap's one weight a channel."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    return _total(
        _place(part.astype(wide) * kernel[i, j].astype(wide).reshape(1, 1, 1, -1), border)
        for i, j, part, border in _taps(x, kernel, geometry)
    )


def _winograd(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    wide = jnp.promote_types(x.dtype, jnp.float32)
    return winograd.convolve(x.astype(wide), kernel.astype(wide))


def _winograd_pull_back(
    x: jax.Array, kernel: jax.Array, grad: jax.Array
) -> tuple[jax.Array, jax.Array]:
    wide = jnp.promote_types(x.dtype, jnp.float32)
    grads = winograd.pull_back(*(a.astype(wide) for a in (x, kernel, grad)))
    return grads[0].astype(x.dtype), grads[1].astype(kernel.dtype)


def output_size(size: int, kernel: int, geometry: Geometry) -> int:
    """Pixels of the output along one axis."""
    return (size + 2 * geometry.padding - kernel) // geometry.stride + 1


Border = tuple[tuple[int, int], tuple[int, int]]


def _taps(
    x: jax.Array, kernel: jax.Array, geometry: Geometry
) -> Iterator[tuple[int, int, jax.Array, Border]]:
    """For every tap that meets the image: its place, the pixels it reads, the border it misses."""
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            rows, above, below = _reach(x.shape[1], kernel.shape[0], i, geometry)
            columns, left, right = _reach(x.shape[2], kernel.shape[1], j, geometry)
            part = x[:, rows, columns]
            if part.size:
                yield i, j, part, ((above, below), (left, right))


def _reach(size: int, kernel: int, tap: int, geometry: Geometry) -> tuple[slice, int, int]:
    """The input pixels that tap number `tap` reads; output pixels it misses before and after."""
    stride, offset = geometry.stride, tap - geometry.padding
    count = output_size(size, kernel, geometry)
    first = max(0, -(offset // stride))
    stop = max(first, min(count, (size - 1 - offset) // stride + 1))
    start = first * stride + offset
    return slice(start, start + (stop - first) * stride, stride), first, count - stop


def _total(terms: Iterator[jax.Array]) -> jax.Array:
    return functools.reduce(jnp.add, terms)


def _place(part: jax.Array, border: Border) -> jax.Array:
    return jnp.pad(part, ((0, 0), *border, (0, 0))) if any(map(any, border)) else part


def _dot(x: jax.Array, matrix: jax.Array) -> jax.Array:
    """(..., K) by (K, M), accumulated in float32 at least."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    flat = x.reshape(-1, x.shape[-1])
    out = lax.dot_general(flat, matrix, (((1,), (0,)), ((), ())), preferred_element_type=wide)
    return out.reshape(*x.shape[:-1], matrix.shape[1])


LOWERINGS: dict[str, Callable[[jax.Array, jax.Array, Geometry], jax.Array]] = {
    "library": _library,
    "matmul": _matmul,
    "patches": _patches,
    "rows": _rows,
    "shifts": _shifts,
    "products": _products,
    "winograd": _winograd,
}
