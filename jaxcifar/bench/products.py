"""The matrix products that convolutions with few channels become: a table of `bench_costs`.

Windows (rows, inner) by a kernel (inner, columns), and the product over all rows that its gradient
is, XLA's beside PyTorch's. Between rounds each side adds what the last round gave, times a small
number, to the smaller operand, so that no round can begin before the last one is over.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxcifar.bench import layers, tune_lowerings
from jaxcifar.models.convolution import lowerings

LOOPS = 40
SMALL = np.float32(1e-9)


class Product(NamedTuple):
    """Sizes of windows and kernel."""

    rows: int
    inner: int
    columns: int


CASES = (
    Product(8192, 144, 16), Product(8192, 96, 64), Product(2048, 64, 64), Product(8192, 64, 64),
    Product(8192, 128, 128), Product(8192, 500, 100), Product(2048, 512, 512),
)  # fmt: skip
FORWARD, BACKWARD = "forward", "kernel gradient"


def rows(args: Any) -> Iterator[dict[str, Any]]:
    """A row a product: GFLOP/s forward and for the kernel's gradient, ours and PyTorch's."""
    for case in CASES:
        sides = {("jaxcifar", which): ours(case, which) for which in (FORWARD, BACKWARD)}
        found = tune_lowerings.least(sides | torch_sides(case), args.rounds, LOOPS)
        work = 2e-6 * case.rows * case.inner * case.columns
        rates = {pair: work / ms for pair, ms in found.items()}
        name = f"{case.rows} x {case.inner} x {case.columns}"
        yield {"model": name} | {
            side: {which: rate for (owner, which), rate in rates.items() if owner == side}
            for side in ("jaxcifar", "torch")
        }


def arrays(case: Product, which: str) -> tuple[np.ndarray, np.ndarray]:
    """Windows, and the kernel or the gradient of what they gave."""
    rng = np.random.default_rng(0)
    shapes = (case.rows, case.inner), (case.inner, case.columns), (case.rows, case.columns)
    windows, kernel, grad = (rng.standard_normal(shape, np.float32) for shape in shapes)
    return windows, kernel if which == FORWARD else grad


def ours(case: Product, which: str) -> tune_lowerings.Run:
    """What a convolution asks XLA for, inside a loop of a compiled program."""
    windows, other = map(jnp.asarray, arrays(case, which))
    product = lowerings.dot if which == FORWARD else gradient

    def once(_: Any, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        # Behind the barrier windows are no constant, which XLA would transpose once and for all.
        windows, other, last = lax.optimization_barrier(state)
        other = other + SMALL * last[0, 0]
        return windows, other, product(windows, other)

    state = windows, other, jnp.zeros_like(product(windows, other))
    loop = jax.jit(lambda state: lax.fori_loop(0, LOOPS, once, state))
    return lambda: jax.block_until_ready(loop(state))


def gradient(windows: jax.Array, grad: jax.Array) -> jax.Array:
    """Of the kernel, as the derivative of the forward product has it."""
    kernel = jnp.zeros((windows.shape[1], grad.shape[1]), windows.dtype)
    return jax.vjp(lambda kernel: lowerings.dot(windows, kernel), kernel)[1](grad)[0]


def torch_sides(case: Product) -> dict[tune_lowerings.Pair, tune_lowerings.Run]:
    """PyTorch's products; none where it is not installed."""
    torch = layers.pytorch()
    if torch is None:
        return {}
    return {("torch", which): torch_side(torch, case, which) for which in (FORWARD, BACKWARD)}


def torch_side(torch: Any, case: Product, which: str) -> tune_lowerings.Run:
    """The same loop."""
    windows, other = map(torch.from_numpy, arrays(case, which))
    left = windows if which == FORWARD else windows.T

    def run() -> None:
        last = left @ other
        for _ in range(LOOPS):
            other.add_(last[0, 0], alpha=float(SMALL))
            last = left @ other

    return run
