"""PyTorch's side of the bench: the same networks and the same whole training step, at its best.

Only the bench imports this; PyTorch and torchvision are no dependencies
(pip install torch==2.13.0 torchvision==0.28.0).
"""

import itertools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn

from jaxcifar.bench import torch_networks


class Where(NamedTuple):
    """What it computes on, and in: "cpu" or "cuda", a CPU's threads, "float32" or "bfloat16"."""

    device: str
    threads: int
    dtype: str


def make_step(
    network: tuple[str, dict[str, Any]], images: Any, labels: Any, batch: int, where: Where,
    compiled: bool, channels_last: bool,
) -> Callable[[int], float]:  # fmt: skip
    """A function that takes n Adam steps and gives the seconds they took.

    Weights are float32; in bfloat16 the forward pass runs under autocast. The data lie on the
    device, and nothing waits for it between steps.
    """
    torch.set_num_threads(where.threads)
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    name, options = network
    model = torch_networks.build(name, **options).to(where.device, memory_format=layout).train()
    fused = where.device != "cpu"  # one kernel for all parameters
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(where.device)
    target = torch.from_numpy(labels).long().to(where.device)

    def step(rows: torch.Tensor) -> torch.Tensor:
        x = ((pixels[rows].float() / 255 - 0.5) / 0.5).contiguous(memory_format=layout)
        with torch.autocast(where.device, torch.bfloat16, enabled=where.dtype == "bfloat16"):
            loss = nn.functional.cross_entropy(run(x), target[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss

    run = torch.compile(model) if compiled else model

    def take(n: int) -> float:
        began = time.perf_counter()
        for _ in range(n):
            loss = step(torch.randint(0, len(target), (batch,), device=where.device))
        loss.item()
        return time.perf_counter() - began

    return take


def best_step(
    compile_too: bool, make: Callable[[bool, bool], Any]
) -> tuple[str, Callable[[int], float], dict[str, str]]:
    """The fastest of {eager, compile} x {NCHW, channels_last}, timed; and why others fell out.

    `make`: (compiled, channels_last) -> what `make_step` gives.

    Raises: SystemExit: all of them did.
    """
    timed, failed = {}, {}
    for compiled, last in itertools.product((False, True)[: 1 + compile_too], (False, True)):
        name = f"{'compile' if compiled else 'eager'} {'NHWC' if last else 'NCHW'}"
        try:
            take = make(compiled, last)
            take(2)
            timed[name] = (min(take(2) for _ in range(2)), take)
        except Exception as error:  # noqa: BLE001 - whatever the compiler lacks here is a row's note
            failed[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"
    if not timed:
        raise SystemExit(f"PyTorch runs this network in no way: {failed}")
    name = min(timed, key=lambda key: timed[key][0])
    return name, timed[name][1], failed
