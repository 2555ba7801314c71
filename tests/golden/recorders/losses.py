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
    ("cross_entropy", {"smoothing": 0.15}),
    ("focal", {"alpha": 1.0, "gamma": 2.0}),
    ("focal", {"alpha": 2.0, "gamma": 0.5}),
]
L1 = 1e-3


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
    return {"losses": arrays | l1_term(rng) | {"cases": np.array(json.dumps(cases))}}


def l1_term(rng: np.random.Generator) -> Arrays:
    """L1 * sum |p| over a kernel and a bias, some entries 0, and its gradient."""
    shapes = {"kernel": (3, 4), "bias": (4,)}
    params = {k: torch.tensor(rng.normal(size=s), requires_grad=True) for k, s in shapes.items()}
    with torch.no_grad():
        params["kernel"][0, 0] = params["bias"][1] = 0
    term = L1 * sum(p.abs().sum() for p in params.values())
    term.backward()
    arrays = {f"l1/{k}": p.detach().numpy() for k, p in params.items()}
    arrays |= {f"l1/grad/{k}": p.grad.numpy() for k, p in params.items()}
    return arrays | {"l1/factor": np.array(L1), "l1/term": term.detach().numpy()}
