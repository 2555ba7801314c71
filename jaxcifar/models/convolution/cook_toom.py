"""Minimal filtering along rows: convolutions of stride 1 with half, or two fifths, of the products.

Four neighbouring outputs of a row with r taps are r + 3 products instead of 4 r: Winograd's F(4, r)
by Cook and Toom's construction from points (Lavin and Gray, arXiv:1509.09308; Blahut, "Fast
Algorithms for Signal Processing", chapter 5). The kernel's rows stay a sum inside each product.
Transforms along one axis copy fewer values than the two-dimensional ones of F(2x2, 3x3), and wide
products remain, which pays most for kernel gradients and large kernels. In float32 over 64 channels
the output is off by 5.6e-7 of its norm with three taps and 1.4e-6 with five; the direct sum has
3.7e-7 and F(4x4, 3x3) 8e-7.
"""

import functools
import math
from fractions import Fraction
from typing import NamedTuple

import jax
import jax.numpy as jnp

OUTPUTS = 4
"""Neighbouring outputs that are computed together, for every number of taps."""

POINTS = {3: ("0", "5/8", "-5/8", "3/2", "-3/2"), 5: ("0", "1", "-1", "2", "-2", "1/2", "-1/2")}
"""Taps -> finite points, to which infinity comes; of the small fractions those that round least."""

Row = tuple[float, ...]


class Filtering(NamedTuple):
    """y = output @ ((kernel @ taps) * (image @ samples)): one row a point, but of `output`."""

    image: tuple[Row, ...]
    kernel: tuple[Row, ...]
    output: tuple[Row, ...]


@functools.cache
def filtering(taps: int) -> Filtering:
    """The three transforms of F(`OUTPUTS`, taps), worked out in fractions.

    Raises:
        KeyError: no points are known for that many taps.
    """
    points = [Fraction(point) for point in POINTS[taps]]
    others = [[q for q in points if q != p] for p in points]
    image = [[*_polynomial(roots), Fraction(0)] for roots in others] + [_polynomial(points)]
    kernel = [
        [p**j / math.prod(p - q for q in rest) for j in range(taps)]
        for p, rest in zip(points, others, strict=True)
    ]
    kernel.append([Fraction(j == taps - 1) for j in range(taps)])
    output = [[*(p**k for p in points), Fraction(k == OUTPUTS - 1)] for k in range(OUTPUTS)]
    return Filtering(*(tuple(tuple(map(float, row)) for row in m) for m in (image, kernel, output)))


def _polynomial(roots: list[Fraction]) -> list[Fraction]:
    """Coefficients of the product of (x - root), the constant first."""
    found = [Fraction(1)]
    for root in roots:
        zero = Fraction(0)
        pairs = zip([zero, *found], [*found, zero], strict=True)
        found = [up - root * down for up, down in pairs]
    return found


def windows(
    x: jax.Array, kernel_shape: tuple[int, ...], padding: int, size: tuple[int, int]
) -> list[jax.Array]:
    """(N, H, W, C) -> for each point (N, H', strips, kh * C): all rows that an output's sum needs.

    `size` is that of the output, (H', W'). A strip is `OUTPUTS` outputs side by side; the last one
    may reach beyond the image, into zeros.
    """
    (kh, kw), (n, _, width, channels) = kernel_shape[:2], x.shape
    rows, strips = size[0], -(-size[1] // OUTPUTS)
    samples, span = OUTPUTS + kw - 1, (strips - 1) * OUTPUTS + 1
    right = max(0, span + samples - 1 - width - padding)
    padded = jnp.pad(x, ((0, 0), (padding, padding), (padding, right), (0, 0)))
    parts = [padded[:, :, j : j + span : OUTPUTS] for j in range(samples)]
    points = [_combined(row, parts) for row in filtering(kw).image]
    # Stacked before the channels, and not joined along them: see `forms._patches`.
    stacked = [jnp.stack([v[:, i : i + rows] for i in range(kh)], axis=3) for v in points]
    return [v.reshape(n, rows, strips, kh * channels) for v in stacked]


def matrices(kernel: jax.Array) -> list[jax.Array]:
    """(kh, kw, Cin, Cout) -> for each point (kh * Cin, Cout)."""
    kh, kw, cin, cout = kernel.shape
    taps = [kernel[:, j] for j in range(kw)]
    return [_combined(row, taps).reshape(kh * cin, cout) for row in filtering(kw).kernel]


def outputs(products: list[jax.Array], taps: int, width: int) -> jax.Array:
    """For each point (N, H', strips, C) -> (N, H', width, C)."""
    n, rows, _, channels = products[0].shape
    each = [_combined(row, products) for row in filtering(taps).output]
    return jnp.stack(each, axis=3).reshape(n, rows, -1, channels)[:, :, :width]


def _combined(row: Row, parts: list[jax.Array]) -> jax.Array:
    terms = [part * weight for weight, part in zip(row, parts, strict=True) if weight]
    return functools.reduce(jnp.add, terms)
