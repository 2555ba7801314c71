"""Single convolutions beside PyTorch's, forward and backward: a table of `bench_costs`.

Both sides do the same between rounds: a small part of what the last round gave is added to the
image, the kernel and the gradient, so that no round can begin before the last one is over.
"""

from collections.abc import Iterator
from typing import Any

from jaxcifar.bench import tune_lowerings
from jaxcifar.core import hardware
from jaxcifar.models import convolution
from jaxcifar.models.convolution import Case, Geometry, choice, output_size

BATCH, LOOPS = 32, 16
CASES = (
    Case((3, 3), 1, 1, 1, 3, 64, 32),
    *(Case((3, 3), 1, 1, 1, *sizes) for sizes in (
        (16, 16, 32), (16, 32, 32), (32, 32, 16), (64, 64, 8), (64, 64, 32), (128, 128, 16),
        (256, 256, 8), (512, 512, 4),
    )),
    Case((3, 3), 2, 1, 1, 64, 128, 32),
    Case((5, 5), 1, 0, 1, 100, 100, 14),
    Case((3, 3), 1, 1, 144, 144, 144, 16),
    Case((1, 1), 1, 0, 1, 64, 256, 32),
)  # fmt: skip
FORWARD, BOTH = "forward", tune_lowerings.BOTH


def rows(args: Any) -> Iterator[dict[str, Any]]:
    """A row a convolution: milliseconds forward and for both gradients, ours and PyTorch's."""
    for case in CASES:
        form = choice.choose(case, convolution.device_key(), convolution.committed_table())
        sides = {("jaxcifar", which): tune_lowerings.program(case, name, form, BATCH, LOOPS)
                 for which, name in ((FORWARD, FORWARD), (BOTH, _backward(case)))}  # fmt: skip
        found = tune_lowerings.least(sides | torch_sides(case), args.rounds, LOOPS)
        yield {"model": case.key, "lowering": form, "jaxcifar": of(found, "jaxcifar"),
               "torch": of(found, "NCHW", "NHWC")}  # fmt: skip


def _backward(case: Case) -> str:
    """An image needs no gradient."""
    return "kernel_gradient" if case.cin == choice.IMAGE else BOTH


def of(found: dict[tune_lowerings.Pair, float], *sides: str) -> dict[str, float]:
    """A side's passes; of several the one that needs less for all of them."""
    each = [{which: ms for (side, which), ms in found.items() if side == name} for name in sides]
    return min(each, key=lambda times: sum(times.values()))


def pytorch() -> Any:
    """PyTorch on as many threads as XLA uses; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(hardware.hardware().cores)
    return torch


def torch_sides(case: Case) -> dict[tune_lowerings.Pair, tune_lowerings.Run]:
    """PyTorch's forward and backward passes in both layouts; none where it is not installed."""
    torch = pytorch()
    if torch is None:
        return {}
    layouts = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}
    return {(name, which): torch_side(torch, case, layout, which)
            for name, layout in layouts.items() for which in (FORWARD, BOTH)}  # fmt: skip


def torch_side(torch: Any, case: Case, layout: Any, which: str) -> tune_lowerings.Run:
    """PyTorch forward, or both of its gradients."""
    side = output_size(case.size, case.kernel[0], Geometry(case.stride, case.padding, case.groups))
    x = torch.randn(BATCH, case.cin, case.size, case.size).to(memory_format=layout)
    kernel = torch.randn(case.cout, case.cin // case.groups, *case.kernel).to(memory_format=layout)
    grad = torch.randn(BATCH, case.cout, side, side).to(memory_format=layout)
    where = ([case.stride] * 2, [case.padding] * 2, [1, 1])

    def once() -> list[Any]:
        if which == FORWARD:
            return [torch.nn.functional.conv2d(x, kernel, None, *where, case.groups)]
        wanted = [_backward(case) == BOTH, True, False]
        found = torch.ops.aten.convolution_backward(
            grad, x, kernel, None, *where, False, [0, 0], case.groups, wanted
        )
        return [array for array, asked in zip(found, wanted, strict=True) if asked]

    def run() -> None:
        last = [x]
        for _ in range(LOOPS):
            step = 1e-6 * sum(array[(0,) * array.ndim] for array in last)
            for array in (x, kernel, grad):
                array.add_(step)
            last = once()

    return run
