"""The lowerings of a 2-D convolution: which primitive operations carry its sum over windows.

Each takes an image (N, H, W, Cin), a kernel (kh, kw, Cin / groups, Cout) and a `Geometry`, and
gives (N, H', W', Cout) with sums accumulated in float32 at least.
"""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxcifar.models.convolution import cook_toom, winograd


class Geometry(NamedTuple):
    """What fixes the arithmetic of a convolution besides its arrays."""

    stride: int = 1
    padding: int = 0
    groups: int = 1


def _library(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """XLA's own convolution: cuDNN on a GPU."""
    return _xla(x, kernel, geometry, more=0)


def _wider(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """XLA's convolution with a column more than needed, which is dropped.

    On a CPU, XLA hands what is padded evenly to one library (YNNPACK), and all else to another
    (Eigen), which is the faster one for many shapes: up to 1.8 times.
    """
    columns = output_size(x.shape[2], kernel.shape[1], geometry)
    return _xla(x, kernel, geometry, more=1)[:, :, :columns]


def _xla(x: jax.Array, kernel: jax.Array, geometry: Geometry, more: int) -> jax.Array:
    p = geometry.padding
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(geometry.stride,) * 2,
        padding=((p, p), (p, p + more)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=geometry.groups,
    )


def _matmul(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """A 1x1 kernel: one matrix product over the pixels that the stride keeps."""
    if geometry.stride > 1:
        x = x[:, :: geometry.stride, :: geometry.stride]
    return dot(x, kernel[0, 0])


def _patches(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """All windows side by side (N, H', W', kh * kw * Cin), times the flattened kernel.

    Stacked twice, row by row, and not joined along the last axis: on a CPU, XLA would write every
    tap's pixels to memory before it joined them.
    """
    kh, kw, cin, cout = kernel.shape
    rows = [jnp.stack(row, axis=3) for row in _windows(x, kernel, geometry)]
    windows = jnp.stack(rows, axis=3)
    return dot(windows.reshape(*windows.shape[:3], -1), kernel.reshape(kh * kw * cin, cout))


def _windows(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> list[list[jax.Array]]:
    """The pixels (N, H', W', Cin) that each tap meets, padding included, by the kernel's rows."""
    (kh, kw), step, p = kernel.shape[:2], geometry.stride, geometry.padding
    h, w = (output_size(x.shape[a], kernel.shape[a - 1], geometry) for a in (1, 2))
    padded = jnp.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    span_h, span_w = (h - 1) * step + 1, (w - 1) * step + 1
    return [
        [padded[:, i : i + span_h : step, j : j + span_w : step] for j in range(kw)]
        for i in range(kh)
    ]


def _strips(
    x: jax.Array, kernel: jax.Array, geometry: Geometry, side_by_side: int = 4
) -> jax.Array:
    """Windows one pixel high over several outputs at once, a matrix product a row of the kernel.

    A window spans all columns that `side_by_side` neighbouring outputs see; its matrix holds the
    kernel's row once for each of them, shifted, and zeros. Few channels make narrow matrices:
    this trades idle products for wide ones and for fewer copies of each pixel.
    """
    kh, kw, _, cout = kernel.shape
    h, w = (output_size(x.shape[a], kernel.shape[a - 1], geometry) for a in (1, 2))
    span_h = (h - 1) * geometry.stride + 1
    windows = _strip_windows(x, kw, w, geometry, side_by_side)
    matrices = _strip_matrices(kernel, geometry.stride, side_by_side)
    out = _total(dot(windows[:, i : i + span_h : geometry.stride], matrices[i]) for i in range(kh))
    return out.reshape(*out.shape[:2], -1, cout)[:, :, :w]


def _strip_windows(
    x: jax.Array, kw: int, columns: int, geometry: Geometry, side_by_side: int
) -> jax.Array:
    """(N, H + 2p, strips, reach * Cin): the columns that each strip of outputs sees."""
    n, h, _, cin = x.shape
    p, step = geometry.padding, geometry.stride * side_by_side
    strips = -(-columns // side_by_side)
    reach = (side_by_side - 1) * geometry.stride + kw
    whole = -(-reach // step)  # steps that a window reaches into
    width = (strips + whole - 1) * step
    right = max(0, width - x.shape[2] - p)
    padded = jnp.pad(x, ((0, 0), (p, p), (p, right), (0, 0)))[:, :, :width]
    steps = padded.reshape(n, h + 2 * p, -1, step * cin)
    parts = [steps[:, :, j : j + strips, : (reach - j * step) * cin] for j in range(whole)]
    return jnp.concatenate(parts, axis=3)


def _strip_matrices(kernel: jax.Array, stride: int, side_by_side: int) -> jax.Array:
    """(kh, reach * Cin, side_by_side * Cout): a kernel row's matrix for one strip of outputs."""
    kh, kw, cin, cout = kernel.shape
    room = (side_by_side - 1) * stride
    shifted = [
        jnp.pad(kernel, ((0, 0), (t * stride, room - t * stride), (0, 0), (0, 0)))
        for t in range(side_by_side)
    ]
    return jnp.stack(shifted, axis=3).reshape(kh, (room + kw) * cin, side_by_side * cout)


def _rows(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """Windows one pixel high: 1 / kh of the copies of `_patches`, for large kernels."""
    return _strips(x, kernel, geometry, side_by_side=1)


def _shifts(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """One matrix product a tap, over the pixels where the tap meets the image and not padding."""
    return _total(
        _place(dot(part, kernel[i, j]), border) for i, j, part, border in _taps(x, kernel, geometry)
    )


def _products(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """Depthwise: the sum over taps of a shifted image times the tap's one weight a channel."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    weights = kernel.astype(wide).reshape(-1, 1, 1, 1, kernel.shape[3])
    windows = itertools.chain.from_iterable(_windows(x.astype(wide), kernel, geometry))
    return _total(window * weight for window, weight in zip(windows, weights, strict=True))


def _winograd(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    wide = jnp.promote_types(x.dtype, jnp.float32)
    return winograd.convolve(x.astype(wide), kernel.astype(wide))


def _cook_toom(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    """Fewer products along rows (`cook_toom`), the kernel's rows side by side in each."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    h, w = (output_size(x.shape[a], kernel.shape[a - 1], geometry) for a in (1, 2))
    windows = cook_toom.windows(x.astype(wide), kernel.shape, geometry.padding, (h, w))
    pairs = zip(windows, cook_toom.matrices(kernel.astype(wide)), strict=True)
    return cook_toom.outputs([dot(v, u) for v, u in pairs], kernel.shape[1], w)


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


def dot(x: jax.Array, matrix: jax.Array) -> jax.Array:
    """(..., K) by (K, M) -> (..., M), accumulated and given in float32 at least."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    flat = x.reshape(-1, x.shape[-1])
    # Its gradient is a product over all of x's rows, which XLA's CPU library does up to twice as
    # fast with the narrower side first. Without the barrier XLA turns it round again.
    if matrix.shape[1] < matrix.shape[0]:
        matrix = lax.optimization_barrier(matrix.T).T
    out = lax.dot_general(flat, matrix, (((1,), (0,)), ((), ())), preferred_element_type=wide)
    return out.reshape(*x.shape[:-1], matrix.shape[1])


LOWERINGS: dict[str, Callable[[jax.Array, jax.Array, Geometry], jax.Array]] = {
    "library": _library,
    "wider": _wider,
    "matmul": _matmul,
    "patches": _patches,
    "rows": _rows,
    "shifts": _shifts,
    "strips": _strips,
    "products": _products,
    "winograd": _winograd,
    "cook_toom": _cook_toom,
}
