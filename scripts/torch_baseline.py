"""PyTorch's side of the bench: the same networks and the same whole training step, at its best.

Only the bench imports this; PyTorch is no dependency (pip install torch==2.13.0).
"""

import itertools
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

PLAN = (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M")


def vgg_a(norm: str = "none", width: float = 1.0, **_: Any) -> nn.Module:
    """VGG-A for 32x32 images, with BatchNorm after every convolution or without."""
    layers: list[nn.Module] = []
    channels = 3
    for item in PLAN:
        if item == "M":
            layers.append(nn.MaxPool2d(2))
            continue
        out = round(item * width)
        layers.append(nn.Conv2d(channels, out, 3, padding=1))
        layers += [nn.BatchNorm2d(out)] * (norm == "batch") + [nn.ReLU()]
        channels = out
    head = [nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), *head, nn.Linear(channels, 10))


def cnn(
    filters: tuple[int, ...] = (64, 128, 256), dropout_rate: float = 0.0, **_: Any
) -> nn.Module:
    """The conditioned CNN with BatchNorm and ReLU."""
    layers: list[nn.Module] = []
    for before, out in zip((3, *filters), filters, strict=False):
        layers += [nn.Conv2d(before, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    layers += [nn.Flatten(), nn.Linear(16 * filters[-1], 512), nn.ReLU(), nn.Dropout(dropout_rate)]
    layers += [nn.Linear(512, 256), nn.ReLU(), nn.Dropout(dropout_rate), nn.Linear(256, 10)]
    return nn.Sequential(*layers)


NETWORKS: dict[str, Callable[..., nn.Module]] = {"vgg_a": vgg_a, "cnn": cnn}


def make_step(
    name: str, options: dict[str, Any], images: Any, labels: Any, batch: int, threads: int,
    compiled: bool, channels_last: bool,
) -> Callable[[int], float]:  # fmt: skip
    """A function that takes n Adam steps and gives the seconds they took."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = NETWORKS[name](**options).to(memory_format=layout).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    target = torch.from_numpy(labels).long()

    def step(rows: torch.Tensor) -> torch.Tensor:
        x = ((pixels[rows].float() / 255 - 0.5) / 0.5).contiguous(memory_format=layout)
        loss = nn.functional.cross_entropy(run(x), target[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss

    run = torch.compile(model) if compiled else model

    def take(n: int) -> float:
        began = time.perf_counter()
        for _ in range(n):
            loss = step(torch.randint(0, len(target), (batch,)))
        loss.item()
        return time.perf_counter() - began

    return take


def best_step(*args: Any) -> tuple[str, Callable[[int], float], dict[str, str]]:
    """The fastest of {eager, compile} x {NCHW, channels_last}, timed; and why others fell out."""
    timed, failed = {}, {}
    for compiled, last in itertools.product((False, True), (False, True)):
        name = f"{'compile' if compiled else 'eager'} {'NHWC' if last else 'NCHW'}"
        try:
            take = make_step(*args, compiled, last)
            take(2)
            timed[name] = (min(take(2) for _ in range(2)), take)
        except Exception as error:  # noqa: BLE001 - whatever the compiler lacks here is a row's note
            failed[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"
    name = min(timed, key=lambda key: timed[key][0])
    return name, timed[name][1], failed
