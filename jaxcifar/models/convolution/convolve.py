"""2-D convolution, NHWC by HWIO, in several lowerings with identical mathematics.

A lowering (`jaxcifar.models.forms`) says which primitive operations carry a convolution, each of
its three computations by its own: XLA's CPU backend is fast in its own convolution forward, and
backward to the image where that is a convolution too, but up to a hundred times too slow backward
to the kernel in a loop, and under `vmap`. Matrix products keep their speed in both. Which lowering
serves which case is a rule and a committed table (`jaxcifar.models.lowering`), never a measurement
at run time.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import custom_vmap

from jaxcifar.core.errors import unknown
from jaxcifar.models.convolution import cook_toom, grouped, winograd
from jaxcifar.models.convolution.lowerings import LOWERINGS, Geometry
from jaxcifar.models.convolution.portions import Split, in_portions

WINDOWED = ("patches", "rows", "strips", "winograd", "cook_toom")
"""What lays windows side by side takes a few images at a time (`jaxcifar.models.portions`)."""


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
        lowering: one of `LOWERINGS` for all three passes, or three of them as
            ``forward/input gradient/kernel gradient``; they must support the case, see `supports`.

    Returns:
        (N, H', W', Cout) in the dtype of `x`, with H' = (H + 2 padding - kh) // stride + 1; sums
        are accumulated in float32 at least.

    Raises:
        UserError: no lowering of that name.
        ValueError: the lowering does not cover this case.
    """
    for name in passes(lowering):
        if name not in LOWERINGS:
            raise unknown("lowering", name, LOWERINGS)
    geometry = Geometry(stride, padding, groups)
    if not supports(lowering, kernel.shape, geometry):
        raise ValueError(f"lowering {lowering!r} does not cover {kernel.shape} with {geometry}")
    on_cpu = jax.default_backend() == "cpu"
    if lowering != "library":
        return _lowered(lowering, geometry, on_cpu)(x, kernel)
    if on_cpu:
        return LOWERINGS[lowering](x, kernel, geometry)
    return grouped.conv(geometry)(x, kernel)


class Passes(NamedTuple):
    """The lowerings of a convolution's three computations; each has its own fastest one."""

    forward: str
    input_gradient: str
    kernel_gradient: str


def passes(lowering: str) -> Passes:
    """``library/library/strips`` -> its three names; one name stands for all three."""
    names = lowering.split("/")
    return Passes(*(names if len(names) == 3 else [lowering] * 3))


@functools.cache
def _lowered(lowering: str, geometry: Geometry, in_turn: bool) -> Callable[..., jax.Array]:
    """The convolution and its derivative; `in_turn`, its `vmap` runs member after member.

    Products of matrices gain nothing from lying side by side on a CPU, while the transformed
    images of all members together fall out of its caches: a loop over members inside the program
    is 15 to 35 % faster, and needs the memory of one. An accelerator takes batches of products.
    """
    names = passes(lowering)

    def direct(x: jax.Array, kernel: jax.Array) -> jax.Array:
        one = lambda x: (_apply(names.forward, x, kernel, geometry), ())  # noqa: E731
        return _split(names.forward in WINDOWED, one, x)[0]

    def pull_back(x: jax.Array, kernel: jax.Array, grad: jax.Array) -> tuple[jax.Array, jax.Array]:
        to_x, to_kernel = names[1:]
        x, grad = lax.optimization_barrier((x, grad))  # else each pass computes them anew
        if to_x == to_kernel == "winograd":  # they share a transform
            return in_portions(lambda x, g: _winograd_pull_back(x, kernel, g), x, grad)
        image = lambda x, g: (_input_gradient(to_x, x, kernel, g, geometry), ())  # noqa: E731
        total = lambda x, g: ((), _kernel_gradient(to_kernel, x, kernel, g, geometry))  # noqa: E731
        return (
            _split(to_x in WINDOWED, image, x, grad)[0],
            _split(to_kernel in (*WINDOWED, "products"), total, x, grad)[1],
        )

    # Under a `jit` of their own they are traced once for all layers of one shape.
    among = _in_turn if in_turn else lambda function: function
    forward, backward = jax.jit(among(direct)), jax.jit(among(pull_back))
    conv = jax.custom_vjp(lambda x, kernel: forward(x, kernel))
    conv.defvjp(lambda x, k: (forward(x, k), (x, k)), lambda saved, g: backward(*saved, g))
    return conv


def _split(few: bool, function: Split, *batches: jax.Array) -> tuple[Any, Any]:
    """A few images at a time, or all; what is put together from pieces is put together once."""
    return lax.optimization_barrier(in_portions(function, *batches)) if few else function(*batches)


def _apply(name: str, x: jax.Array, kernel: jax.Array, geometry: Geometry) -> jax.Array:
    return LOWERINGS[name](x, kernel, geometry).astype(x.dtype)


def _input_gradient(
    name: str, x: jax.Array, kernel: jax.Array, grad: jax.Array, geometry: Geometry
) -> jax.Array:
    """d/dx, as a convolution where it is one: its transposition would add windows one by one."""
    if _turnable(name, kernel.shape, geometry):
        return _turned(name, kernel, geometry, grad)
    if name == "products":
        return _depthwise_turned(x.shape, kernel, grad, geometry)
    return jax.vjp(lambda x: _apply(name, x, kernel, geometry), x)[1](grad)[0]


def _kernel_gradient(
    name: str, x: jax.Array, kernel: jax.Array, grad: jax.Array, geometry: Geometry
) -> jax.Array:
    """d/dkernel, over windows of what has fewer channels: the image or the output's gradient."""
    if x.shape[3] > grad.shape[3] and _turnable(name, kernel.shape, geometry):
        return jax.vjp(lambda k: _turned(name, k, geometry, grad), kernel)[1](x)[0]
    return jax.vjp(lambda k: _apply(name, x, k, geometry), kernel)[1](grad)[0]


def _turnable(name: str, kernel_shape: tuple[int, ...], geometry: Geometry) -> bool:
    kh, kw = kernel_shape[:2]
    plain = geometry.stride == geometry.groups == 1 and kh == kw > geometry.padding
    return plain and name not in ("matmul", "shifts", "products")


def _turned(name: str, kernel: jax.Array, geometry: Geometry, grad: jax.Array) -> jax.Array:
    """d/dx of a convolution of stride 1: the gradient convolved with the kernel turned round."""
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    outside = geometry._replace(padding=kernel.shape[0] - 1 - geometry.padding)
    return _apply(name, grad, turned, outside)


def _depthwise_turned(
    shape: tuple[int, ...], kernel: jax.Array, grad: jax.Array, geometry: Geometry
) -> jax.Array:
    """d/dx of a depthwise convolution: zeros between the gradient's pixels take any stride."""
    step, outside = geometry.stride, kernel.shape[0] - 1 - geometry.padding
    spread = [
        (outside, size + geometry.padding - 1 - (count - 1) * step, step - 1)
        for size, count in zip(shape[1:3], grad.shape[1:3], strict=True)
    ]
    zeros = lax.pad(grad, jnp.zeros((), grad.dtype), [(0, 0, 0), *spread, (0, 0, 0)])
    return _apply("products", zeros, kernel[::-1, ::-1], Geometry(1, 0, geometry.groups))


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
    return all(_covers(name, kernel_shape, geometry) for name in passes(lowering))


def _covers(lowering: str, kernel_shape: tuple[int, ...], geometry: Geometry) -> bool:
    kh, kw, cin, cout = kernel_shape
    if lowering in ("library", "wider"):
        return True
    if lowering == "products":
        return cin == 1 and geometry.groups == cout
    if geometry.groups > 1:
        return False
    if lowering == "winograd":
        return (kh, kw) == (3, 3) and geometry[:2] == (1, 1)
    if lowering == "cook_toom":
        return kw in cook_toom.POINTS and geometry.stride == 1
    if lowering == "matmul":
        return (kh, kw) == (1, 1) and geometry.padding == 0
    return True


def _winograd_pull_back(
    x: jax.Array, kernel: jax.Array, grad: jax.Array
) -> tuple[jax.Array, jax.Array]:
    wide = jnp.promote_types(x.dtype, jnp.float32)
    grads = winograd.pull_back(*(a.astype(wide) for a in (x, kernel, grad)))
    return grads[0].astype(x.dtype), grads[1].astype(kernel.dtype)
