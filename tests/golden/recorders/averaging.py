"""Reference averages of weights, and the statistics re-estimated for the averaged network."""

from typing import Any

import numpy as np
import torch
from torch.optim import swa_utils

Arrays = dict[str, np.ndarray]
FILTERS = (2, 3, 4)
SETS, DECAY = 5, 0.9
BATCHES = (8, 4)  # the last one short: its statistics weigh as much as the others'


def network() -> torch.nn.Sequential:
    """The CNN up to its last statistics: [conv 3x3, BatchNorm, ReLU, max-pooling] three times."""
    layers: list[Any] = []
    for before, after in zip((3, *FILTERS), FILTERS, strict=False):
        conv = torch.nn.Conv2d(before, after, 3, padding=1)
        layers += [conv, torch.nn.BatchNorm2d(after), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
    return torch.nn.Sequential(*layers).double()


def named(net: torch.nn.Module) -> Arrays:
    """Its parameters under our names and in our layout, ``conv1/kernel`` (H, W, I, O)."""
    arrays = {}
    for i in range(len(FILTERS)):
        conv, norm = net[4 * i], net[4 * i + 1]
        arrays |= {
            f"conv{i + 1}/kernel": conv.weight.permute(2, 3, 1, 0),
            f"conv{i + 1}/bias": conv.bias, f"bn{i + 1}/scale": norm.weight,
            f"bn{i + 1}/bias": norm.bias,
        }  # fmt: skip
    return {name: value.detach().numpy().copy() for name, value in arrays.items()}


def draw(net: torch.nn.Module, generator: torch.Generator) -> None:
    """Fill every parameter with draws, as a training step would have moved it."""
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator).double())


def record() -> dict[str, Arrays]:
    """Weights of five steps, their averages after each, and statistics of the last plain mean."""
    generator = torch.Generator().manual_seed(3)
    net = network()
    swa = swa_utils.AveragedModel(net)
    ema = swa_utils.AveragedModel(net, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(DECAY))
    arrays: Arrays = {"decay": np.array(DECAY), "batches": np.array(BATCHES)}
    for step in range(SETS):
        draw(net, generator)
        swa.update_parameters(net)
        ema.update_parameters(net)
        for kind, module in (("step", net), ("swa", swa.module), ("ema", ema.module)):
            arrays |= {f"{step}/{kind}/{k}": v for k, v in named(module).items()}
    images = np.random.default_rng(4).integers(0, 256, (sum(BATCHES), 8, 8, 3), np.uint8)
    images = images.repeat(4, 1).repeat(4, 2)
    pixels = (torch.tensor(images).double() / 255 - 0.5) / 0.5
    swa_utils.update_bn(pixels.permute(0, 3, 1, 2).split(BATCHES[0]), swa)
    for i in range(len(FILTERS)):
        norm = swa.module[4 * i + 1]
        arrays[f"statistics/bn{i + 1}/mean"] = norm.running_mean.numpy()
        arrays[f"statistics/bn{i + 1}/var"] = norm.running_var.numpy()
    return {"averaging": arrays | {"images": images}}
