"""Reference trajectories of the optimizers: 20 float64 steps on given gradients.

PyTorch's own where it has the rule, the authors' package for schedule-free, and otherwise a few
lines after the paper. Every case runs with and without weight decay and clipping.
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
import schedulefree
import torch

Tree = dict[str, Any]
Arrays = dict[str, np.ndarray]
STEPS = 20
CURVATURE = 0.3  # of sam's loss, whose gradient is grads[t] + CURVATURE * w
RATES = {"sgd": 0.05, "sign_sgd": 0.01, "adam": 0.02, "adamw": 0.02}
RATES |= {"sgd_nesterov": 0.05, "lion": 0.005, "muon": 0.02, "sam": 0.05}
RATES |= {"schedule_free_sgd": 0.05, "schedule_free_adamw": 0.02}
NUMBERS = {
    "sgd": [{"momentum": 0.0}, {"momentum": 0.9}],
    "sign_sgd": [{"momentum": 0.0}, {"momentum": 0.9}],
    "adam": [{}, {"b1": 0.8, "b2": 0.95}],
    "adamw": [{}, {"b1": 0.8, "b2": 0.95}],
    "sgd_nesterov": [{"momentum": 0.5}, {"momentum": 0.9}],
    "lion": [{"b1": 0.9, "b2": 0.99}, {"b1": 0.8, "b2": 0.95}],
    "muon": [{"momentum": 0.95}, {"momentum": 0.8, "b1": 0.8, "b2": 0.95}],
    "sam": [{"momentum": 0.0, "rho": 0.05}, {"momentum": 0.9, "rho": 0.5}],
    "schedule_free_sgd": [{}, {"b1": 0.8}],
    "schedule_free_adamw": [{}, {"b1": 0.8, "b2": 0.95}],
}
CARRIED = ("sgd", "adam", "adamw")
WARM_UP = {"schedule_free_sgd": 5, "schedule_free_adamw": 5}  # steps; these weigh by the rate


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


class Lion(torch.optim.Optimizer):
    """Algorithm 2 of arXiv:2302.06675."""

    def step(self) -> None:
        """Update every parameter from its gradient."""
        group = self.param_groups[0]
        for p in group["params"]:
            m = self.state[p].get("m", torch.zeros_like(p))
            update = torch.sign(group["b1"] * m + (1 - group["b1"]) * p.grad)
            p -= group["lr"] * (update + group["weight_decay"] * p)
            self.state[p]["m"] = group["b2"] * m + (1 - group["b2"]) * p.grad


def torch_optimizers(
    name: str,
    params: list[torch.Tensor],
    lr: float,
    weight_decay: float,
    momentum: float = 0.0,
    b1: float = 0.9,
    b2: float = 0.999,
) -> list[torch.optim.Optimizer]:
    """The reference under our names; Muon leaves what is no matrix to AdamW."""
    both = {"lr": lr, "weight_decay": weight_decay}
    if name == "muon":
        kernel, bias = params
        adjust = "match_rms_adamw"
        muon = torch.optim.Muon([kernel], momentum=momentum, adjust_lr_fn=adjust, **both)
        return [muon, torch.optim.AdamW([bias], betas=(b1, b2), **both)]
    make: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adam": lambda: torch.optim.Adam(params, betas=(b1, b2), **both),
        "adamw": lambda: torch.optim.AdamW(params, betas=(b1, b2), **both),
        "sgd": lambda: torch.optim.SGD(params, momentum=momentum, **both),
        "sam": lambda: torch.optim.SGD(params, momentum=momentum, **both),
        "sgd_nesterov": lambda: torch.optim.SGD(params, momentum=momentum, nesterov=True, **both),
        "sign_sgd": lambda: SignSGD(params, {"momentum": momentum, **both}),
        "lion": lambda: Lion(params, {"b1": b1, "b2": b2, **both}),
        "schedule_free_sgd": lambda: schedulefree.SGDScheduleFree(params, momentum=b1, **both),
        "schedule_free_adamw": lambda: schedulefree.AdamWScheduleFree(
            params, betas=(b1, b2), **both
        ),
    }
    return [make[name]()]


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """PyTorch's Muon iterates in bfloat16; here it stays in float64."""
    with mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
        yield


def gradient(name: str, params: Tree, given: Tree, rho: float) -> Tree:
    """The gradient to step on; sam's is that of its loss at ``w + rho * g / |g|``."""
    if name != "sam":
        return given
    first = {k: given[k] + CURVATURE * p for k, p in params.items()}
    norm = torch.sqrt(sum((g**2).sum() for g in first.values()))
    return {k: given[k] + CURVATURE * (p + rho * first[k] / norm) for k, p in params.items()}


def averages(tx: torch.optim.Optimizer, params: Tree) -> Tree:
    """What schedule-free evaluates."""
    tx.eval()
    found = {f"eval/{k}": p.detach().numpy().copy() for k, p in params.items()}
    tx.train()
    return found


@torch.no_grad()
def trajectory(case: Tree, start: Tree, grads: Tree) -> Arrays:
    """Parameters after each of the given gradients: kernel (STEPS, 3, 4) and bias (STEPS, 4)."""
    name, numbers = case["name"], dict(case["numbers"])
    rho = numbers.pop("rho", 0.0)
    params = {k: v.clone().requires_grad_() for k, v in start.items()}
    optimizers = torch_optimizers(name, list(params.values()), case["lr"], **numbers)
    after: list[Tree] = []
    for t in range(STEPS):
        now = gradient(name, params, {k: g[t] for k, g in grads.items()}, rho)
        for k, p in params.items():
            carried = case["accumulation"] == "carry" and t
            p.grad = p.grad + now[k] if carried else now[k].clone()
        if case["clip"]:
            torch.nn.utils.clip_grad_norm_(params.values(), case["clip"])
        for tx in optimizers:
            if name in WARM_UP:
                tx.train()
                tx.param_groups[0]["lr"] = case["lr"] * min(1, (t + 1) / case["warm_up"])
            tx.step()
        row = {k: p.detach().numpy().copy() for k, p in params.items()}
        after.append(row | (averages(optimizers[0], params) if name in WARM_UP else {}))
    return {k: np.stack([row[k] for row in after]) for k in after[0]}


def all_cases() -> list[Tree]:
    """Every optimizer x numbers x decay x clipping, and the carried ones."""
    cases = []
    kinds = [(name, "reset") for name in NUMBERS] + [(name, "carry") for name in CARRIED]
    for name, accumulation in kinds:
        for numbers in NUMBERS[name]:
            for decay in (0.0, 0.05):
                for clip in (None, 1.0):
                    case = {"name": name, "lr": RATES[name], "clip": clip}
                    case |= {"numbers": {**numbers, "weight_decay": decay}}
                    case |= {"accumulation": accumulation, "warm_up": WARM_UP.get(name, 1)}
                    cases.append(case)
    return cases


def record() -> dict[str, Arrays]:
    """All cases on the same start and gradients."""
    rng = np.random.default_rng(0)
    shapes = {"kernel": (3, 4), "bias": (4,)}
    start = {k: torch.tensor(rng.normal(size=s)) for k, s in shapes.items()}
    grads = {k: torch.tensor(rng.normal(size=(STEPS, *s))) for k, s in shapes.items()}
    arrays = {f"start/{k}": v.numpy() for k, v in start.items()}
    arrays |= {f"grads/{k}": v.numpy() for k, v in grads.items()}
    cases = all_cases()
    for i, case in enumerate(cases):
        with full_precision():
            out = trajectory(case, start, grads)
        arrays |= {f"{i}/{k}": v for k, v in out.items()}
    return {"optim": arrays | {"cases": np.array(json.dumps(cases))}}
