"""Reference trajectories of the optimizers: 20 float64 steps on given gradients."""

import json
from typing import Any

import numpy as np
import torch

Tree = dict[str, Any]
Arrays = dict[str, np.ndarray]
STEPS = 20
RATES = {"sgd": 0.05, "sign_sgd": 0.01, "adam": 0.02, "adamw": 0.02}
NUMBERS = {
    "sgd": [{"momentum": 0.0}, {"momentum": 0.9}],
    "sign_sgd": [{"momentum": 0.0}, {"momentum": 0.9}],
    "adam": [{}, {"b1": 0.8, "b2": 0.95}],
    "adamw": [{}, {"b1": 0.8, "b2": 0.95}],
}


class SignSGD(torch.optim.Optimizer):
    """m = mu m + (1 - mu) sign(g + decay w), w -= lr m."""

    def step(self) -> None:
        """Update every parameter from its gradient."""
        group = self.param_groups[0]
        for p in group["params"]:
            g = torch.sign(p.grad + group["weight_decay"] * p)
            m = self.state[p].get("m", torch.zeros_like(p))
            self.state[p]["m"] = m = group["momentum"] * m + (1 - group["momentum"]) * g
            p -= group["lr"] * m


def torch_optimizer(
    name: str,
    params: list[torch.Tensor],
    lr: float,
    weight_decay: float,
    momentum: float = 0.0,
    b1: float = 0.9,
    b2: float = 0.999,
) -> torch.optim.Optimizer:
    """PyTorch's optimizer under our names."""
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    if name in kinds:
        return kinds[name](params, lr=lr, betas=(b1, b2), weight_decay=weight_decay)
    if name == "sgd":
        return torch.optim.SGD(params, lr=lr, momentum=momentum, weight_decay=weight_decay)
    return SignSGD(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})


@torch.no_grad()
def trajectory(
    name: str, numbers: Tree, weight_decay: float, clip: float | None, start: Tree, grads: Tree
) -> Arrays:
    """Parameters after each of the given gradients: kernel (STEPS, 3, 4) and bias (STEPS, 4)."""
    params = {k: v.clone().requires_grad_() for k, v in start.items()}
    tx = torch_optimizer(name, list(params.values()), RATES[name], weight_decay, **numbers)
    after = []
    for t in range(STEPS):
        for k, p in params.items():
            p.grad = grads[k][t].clone()
        if clip:
            torch.nn.utils.clip_grad_norm_(params.values(), clip)
        tx.step()
        after.append({k: p.detach().numpy().copy() for k, p in params.items()})
    return {k: np.stack([row[k] for row in after]) for k in start}


def record() -> dict[str, Arrays]:
    """Every optimizer x numbers x decay x clipping on the same start and gradients."""
    rng = np.random.default_rng(0)
    shapes = {"kernel": (3, 4), "bias": (4,)}
    start = {k: torch.tensor(rng.normal(size=s)) for k, s in shapes.items()}
    grads = {k: torch.tensor(rng.normal(size=(STEPS, *s))) for k, s in shapes.items()}
    arrays = {f"start/{k}": v.numpy() for k, v in start.items()}
    arrays |= {f"grads/{k}": v.numpy() for k, v in grads.items()}
    cases = []
    for name in NUMBERS:
        for numbers in NUMBERS[name]:
            for decay in (0.0, 0.05):
                for clip in (None, 1.0):
                    out = trajectory(name, numbers, decay, clip, start, grads)
                    arrays |= {f"{len(cases)}/{k}": v for k, v in out.items()}
                    case = {"name": name, "lr": RATES[name], "clip": clip}
                    cases.append(case | {"numbers": {**numbers, "weight_decay": decay}})
    return {"optim": arrays | {"cases": np.array(json.dumps(cases))}}
