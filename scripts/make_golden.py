"""Record the reference values of tests/golden with PyTorch (pip install torch==2.13.0 numpy).

    python scripts/make_golden.py            # rewrites tests/golden/{losses,optim,schedules}.npz

Needs no JAX. The tests compare in float64 to 1e-10. Record again only when the reference itself
changes, never to make a test pass.
"""

import json
import pathlib
from typing import Any

import numpy as np
import torch

Tree = dict[str, Any]
Arrays = dict[str, np.ndarray]
GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "tests" / "golden"
STEPS, EPOCHS = 20, 200
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


def optimizers() -> Arrays:
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
    return arrays | {"cases": np.array(json.dumps(cases))}


SCHEDULES = [
    ("constant", 0.1, {}),
    ("step", 1e-3, {"step_size": 20, "factor": 0.1}),
    ("step", 0.5, {"step_size": 7, "factor": 0.9}),
    ("multi_step", 0.1, {"milestones": [100, 150], "factor": 0.1}),
    ("exponential", 1e-3, {"factor": 0.96}),
    ("cosine", 2e-3, {"t_max": 200, "min_lr": 1e-6}),
    ("cosine", 5e-4, {"t_max": 75, "min_lr": 1e-5}),
    ("warm_restarts", 1e-3, {"t_0": 10, "t_mult": 2}),
    ("warm_restarts", 1e-3, {"t_0": 30, "t_mult": 1, "min_lr": 1e-5}),
    ("plateau", 1.0, {}),
    ("plateau", 1.0, {"patience": 3, "factor": 0.2, "threshold": 1e-3, "cooldown": 2}),
    ("plateau", 0.1, {"patience": 2, "factor": 0.5, "threshold_mode": "abs", "threshold": 0.01}),
    ("plateau", 0.1, {"patience": 0, "factor": 0.7, "min_lr": 1e-3, "cooldown": 5}),
]
TORCH_NAMES = {
    "factor": "gamma",
    "t_max": "T_max",
    "min_lr": "eta_min",
    "t_0": "T_0",
    "t_mult": "T_mult",
}
KINDS = {
    "step": torch.optim.lr_scheduler.StepLR,
    "multi_step": torch.optim.lr_scheduler.MultiStepLR,
    "exponential": torch.optim.lr_scheduler.ExponentialLR,
    "cosine": torch.optim.lr_scheduler.CosineAnnealingLR,
    "warm_restarts": torch.optim.lr_scheduler.CosineAnnealingWarmRestarts,
}


def schedule_rates(name: str, lr0: float, options: Tree, metric: np.ndarray) -> np.ndarray:
    """The rate in force during each epoch."""
    tx = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr0)
    scheduler = None
    if name == "plateau":
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(tx, **options)
    elif name != "constant":
        scheduler = KINDS[name](tx, **{TORCH_NAMES.get(k, k): v for k, v in options.items()})
    rates = []
    for epoch in range(EPOCHS):
        rates.append(tx.param_groups[0]["lr"])
        tx.step()
        if scheduler is not None:
            scheduler.step(*([metric[epoch]] if name == "plateau" else []))
    return np.array(rates)


def schedules() -> Arrays:
    """200 epochs of every schedule; plateau on a falling, noisy metric with NaN and a shelf."""
    rng = np.random.default_rng(1)
    metric = 2 * np.exp(-np.arange(EPOCHS) / 40) + 0.3 + 0.05 * rng.normal(size=EPOCHS)
    metric[[0, 17, 18]] = np.nan
    metric[90:120] = metric[89]
    rates = [schedule_rates(*case, metric) for case in SCHEDULES]
    cases = [{"name": n, "lr0": lr0, "options": options} for n, lr0, options in SCHEDULES]
    return {"cases": np.array(json.dumps(cases)), "metric": metric, "rates": np.stack(rates)}


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


def losses() -> Arrays:
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
    return arrays | {"cases": np.array(json.dumps(cases))}


def main() -> None:
    """Write the three files."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, make in (("losses", losses), ("optim", optimizers), ("schedules", schedules)):
        path = GOLDEN / f"{name}.npz"
        np.savez_compressed(path, **make())
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
