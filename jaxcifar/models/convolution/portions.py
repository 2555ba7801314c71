"""A batch in portions that stay in a CPU's caches, one after another inside the program.

Matrix products over windows need many times the memory of the image: written for a whole batch,
windows go out to main memory and come back for every product that reads them.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

PIXELS = 8192
"""Of the images that go through at once: eight of 32x32, 128 of 8x8."""

Split = Callable[..., tuple[Any, Any]]
"""Images (n, ...) -> what there is of each (n, ...), and what is summed over them."""


def in_portions(function: Split, x: jax.Array, *others: jax.Array) -> tuple[Any, Any]:
    """`function` of whole batches, of a few images at a time; sums are kept in float32 at least.

    Args:
        function: takes parts of the batches, and gives the same for every image in any portion.
        x: (N, H, W, C), whose size decides how many images go together.
        others: (N, ...), split alike.
    """
    count = _portions(x.shape)
    if count == 1:
        return function(x, *others)
    images = x.shape[0] // count

    def portion(number: jax.Array) -> tuple[Any, Any]:
        return function(
            *(lax.dynamic_slice_in_dim(a, number * images, images) for a in (x, *others))
        )

    sums = jax.eval_shape(portion, 0)[1]

    def one(total: Any, number: jax.Array) -> tuple[Any, Any]:
        each, more = portion(number)
        return jax.tree.map(lambda a, b: a + b.astype(a.dtype), total, more), each

    wide = lambda a: jnp.zeros(a.shape, jnp.promote_types(a.dtype, jnp.float32))  # noqa: E731
    total, each = lax.scan(one, jax.tree.map(wide, sums), jnp.arange(count))
    return (
        jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), each),
        jax.tree.map(lambda a, like: a.astype(like.dtype), total, sums),
    )


def _portions(shape: tuple[int, ...]) -> int:
    """How many; one off the CPU, or where no divisor is near the number of images allowed."""
    n, h, w = shape[:3]
    if jax.default_backend() != "cpu":
        return 1
    most = max(1, min(n, PIXELS // (h * w)))
    images = max(d for d in range(1, most + 1) if n % d == 0)
    return n // images if 2 * images >= most else 1
