"""Winograd's minimal filtering F(2x2, 3x3): a 3x3 convolution as sixteen matrix products.

After Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (arXiv:1509.09308): every
2x2 tile of the output needs 16 products a channel pair instead of 36. All constants are 0, 1 and
1/2, so that float32 stays as accurate as the direct sum. The larger F(4x4, 3x3) would save more
products. At the points 0, +-5/8, +-3/2 and infinity it loses a factor of two alone (5e-7 of the
output's norm, 1.1e-6 at the usual 0, +-1, +-2), but on a CPU its transforms cost what its products
save: not here.

Both gradients are the adjoints of the three linear transforms around the same sixteen products, so
that they reuse the transformed image and kernel of the forward pass and turn no kernel around.
The products stay sixteen separate dots: stacking their operands costs a pass over memory four
times the size of the image and buys nothing on a CPU.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax

Terms = list[jax.Array]
"""Sixteen arrays, row-major over the 4x4 points of a transformed tile."""


def _input(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> Terms:
    """B^T: four consecutive samples of the image to four points."""
    return [a - c, b + c, c - b, b - d]


def _input_adjoint(axis: int, a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> Terms:
    """B, summed over the overlapping tiles: four points to the two samples a tile lies over."""
    return [b - c + d - _delayed(d, axis), b + c - a + _advanced(a, axis)]


def _kernel(a: jax.Array, b: jax.Array, c: jax.Array) -> Terms:
    """G: three taps to four points."""
    even, odd = (a + c) * 0.5, b * 0.5
    return [a, even + odd, even - odd, c]


def _kernel_adjoint(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> Terms:
    """G^T: four points to three taps."""
    half = (b + c) * 0.5
    return [a + half, (b - c) * 0.5, half + d]


def _output(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> Terms:
    """A^T: four points to two samples of the output."""
    return [a + b + c, b - c - d]


def _output_adjoint(a: jax.Array, b: jax.Array) -> Terms:
    """A: two samples to four points."""
    return [a, a + b, a - b, -b]


def _delayed(x: jax.Array, axis: int) -> jax.Array:
    """The neighbour before, zero at the start."""
    pad = [(1, 0) if i == axis else (0, 0) for i in range(x.ndim)]
    return jnp.pad(lax.slice_in_dim(x, 0, x.shape[axis] - 1, axis=axis), pad)


def _advanced(x: jax.Array, axis: int) -> jax.Array:
    """The neighbour after, zero at the end."""
    pad = [(0, 1) if i == axis else (0, 0) for i in range(x.ndim)]
    return jnp.pad(lax.slice_in_dim(x, 1, x.shape[axis], axis=axis), pad)


def transform_input(x: jax.Array) -> Terms:
    """(N, H, W, C) with even H, W -> sixteen (N * H/2 * W/2, C)."""
    n, h, w, c = x.shape
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    pairs = padded.reshape(n, h // 2 + 1, 2, w // 2 + 1, 2, c)
    rows = [pairs[:, i // 2 : i // 2 + h // 2, i % 2] for i in range(4)]
    terms: Terms = []
    for row in _input(*rows):
        terms += _input(*(row[:, :, j // 2 : j // 2 + w // 2, j % 2] for j in range(4)))
    return [term.reshape(-1, c) for term in terms]


def transform_input_adjoint(terms: Terms, shape: Sequence[int]) -> jax.Array:
    """Gradients of the sixteen transformed images -> gradient (N, H, W, C) of the image."""
    n, h, w, c = shape
    tiles = [term.reshape(n, h // 2, w // 2, c) for term in terms]
    return _from_points(tiles, lambda *t: _input_adjoint(2, *t), lambda *t: _input_adjoint(1, *t))


def transform_kernel(kernel: jax.Array) -> Terms:
    """(3, 3, Cin, Cout) -> sixteen (Cin, Cout)."""
    terms: Terms = []
    for row in _kernel(kernel[0], kernel[1], kernel[2]):
        terms += _kernel(row[0], row[1], row[2])
    return terms


def transform_kernel_adjoint(terms: Terms) -> jax.Array:
    """Gradients of the sixteen transformed kernels -> gradient (3, 3, Cin, Cout)."""
    rows = [_kernel_adjoint(*terms[i : i + 4]) for i in range(0, 16, 4)]
    columns = [_kernel_adjoint(*(row[j] for row in rows)) for j in range(3)]
    return jnp.stack([jnp.stack([column[i] for column in columns]) for i in range(3)])


def transform_output(terms: Terms, shape: Sequence[int]) -> jax.Array:
    """Sixteen (tiles, C) -> the image (N, H, W, C) of the given shape."""
    n, h, w, c = shape
    tiles = [term.reshape(n, h // 2, w // 2, c) for term in terms]
    return _from_points(tiles, _output, _output)


def transform_output_adjoint(grad: jax.Array) -> Terms:
    """Gradient (N, H, W, C) of the output -> gradients of the sixteen products."""
    n, h, w, c = grad.shape
    q = grad.reshape(n, h // 2, 2, w // 2, 2, c)
    left = _output_adjoint(q[:, :, 0, :, 0], q[:, :, 1, :, 0])
    right = _output_adjoint(q[:, :, 0, :, 1], q[:, :, 1, :, 1])
    terms = [t for pair in zip(left, right, strict=True) for t in _output_adjoint(*pair)]
    return [term.reshape(-1, c) for term in terms]


def _from_points(
    tiles: Terms, across: Callable[..., Terms], down: Callable[..., Terms]
) -> jax.Array:
    """Sixteen (N, H/2, W/2, C) -> (N, H, W, C): `across` over every row of points, then `down`."""
    n, h, w, c = tiles[0].shape
    halves = [across(*tiles[i : i + 4]) for i in range(0, 16, 4)]
    left, right = (down(*(half[j] for half in halves)) for j in range(2))
    rows = [jnp.stack([left[i], right[i]], axis=3) for i in range(2)]
    return jnp.stack(rows, axis=2).reshape(n, 2 * h, 2 * w, c)


def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """3x3 convolution, stride 1, padding 1.

    Args:
        x: (N, H, W, Cin) float32 or float64.
        kernel: (3, 3, Cin, Cout), same dtype.

    Returns:
        (N, H, W, Cout).
    """
    even = _even(x)
    terms = zip(transform_input(even), transform_kernel(kernel), strict=True)
    products = [_dot(v, u, 1, 0) for v, u in terms]
    return _cropped(transform_output(products, (*even.shape[:3], kernel.shape[3])), x.shape)


def pull_back(x: jax.Array, kernel: jax.Array, grad: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Gradients to image and kernel from the gradient (N, H, W, Cout) of `convolve`'s result."""
    even = _even(x)
    v, u, m = transform_input(even), transform_kernel(kernel), transform_output_adjoint(_even(grad))
    grad_u = [_dot(a, b, 0, 0) for a, b in zip(v, m, strict=True)]
    grad_v = [_dot(a, b, 1, 1) for a, b in zip(m, u, strict=True)]
    grad_x = _cropped(transform_input_adjoint(grad_v, even.shape), x.shape)
    return grad_x, transform_kernel_adjoint(grad_u)


def _dot(a: jax.Array, b: jax.Array, axis_a: int, axis_b: int) -> jax.Array:
    return lax.dot_general(a, b, (((axis_a,), (axis_b,)), ((), ())))


def _even(x: jax.Array) -> jax.Array:
    """`x` with one more zero row or column where its height or width is odd: whole tiles."""
    h, w = x.shape[1:3]
    return x if h % 2 == w % 2 == 0 else jnp.pad(x, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)))


def _cropped(x: jax.Array, shape: Sequence[int]) -> jax.Array:
    return x if x.shape[1:3] == tuple(shape[1:3]) else x[:, : shape[1], : shape[2]]
