"""Reference losses of single examples, with the gradient of their mean."""

import json
from typing import Any

import numpy as np
import torch

Tree = dict[str, Any]
Arrays = dict[str, np.ndarray]


def focal(z: torch.Tensor, y: torch.Tensor, alpha: float, gamma: float) -> torch.Tensor:
    """Focal loss of each example."""
    ce = torch.nn.functional.cross_entropy(z, y, reduction="none")
    return alpha * (1 - torch.exp(-ce)) ** gamma * ce


def torch_loss(name: str, z: torch.Tensor, y: torch.Tensor, numbers: Tree) -> torch.Tensor:
    """PyTorch's loss of each example under our names."""
    if name == "cross_entropy":
        smoothing = numbers.get("smoothing", 0.0)
        return torch.nn.functional.cross_entropy(z, y, label_smoothing=smoothing, reduction="none")
    if name == "focal":
        return focal(z, y, **numbers)
    onehot = torch.nn.functional.one_hot(y, z.shape[1]).to(z.dtype)
    return torch.nn.functional.mse_loss(z, onehot, reduction="none").mean(1)


LOSSES = [
    ("cross_entropy", {}),
    ("cross_entropy", {"smoothing": 0.1}),
    ("cross_entropy", {"smoothing": 0.2}),
    ("focal", {"alpha": 1.0, "gamma": 1.0}),
    ("focal", {"alpha": 0.25, "gamma": 2.0}),
    ("mse", {}),
]


def record() -> dict[str, Arrays]:
    """Per-example losses of 64 examples and the gradient of their mean."""
    rng = np.random.default_rng(2)
    logits, labels = 4 * rng.normal(size=(64, 10)), rng.integers(0, 10, 64)
    arrays = {"logits": logits, "labels": labels}
    for i, (name, numbers) in enumerate(LOSSES):
        z = torch.tensor(logits, requires_grad=True)
        loss = torch_loss(name, z, torch.tensor(labels), numbers)
        loss.mean().backward()
        arrays |= {f"{i}/loss": loss.detach().numpy(), f"{i}/grad": z.grad.numpy()}
    cases = [{"name": name, "numbers": numbers} for name, numbers in LOSSES]
    return {"losses": arrays | {"cases": np.array(json.dumps(cases))}}
