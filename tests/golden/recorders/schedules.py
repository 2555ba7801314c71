"""Reference rates of the schedules: 200 epochs each."""

import json
from typing import Any

import numpy as np
import torch

Tree = dict[str, Any]
Arrays = dict[str, np.ndarray]
EPOCHS = 200
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
    ("one_cycle", 0.1, {}),
    ("one_cycle", 0.3, {"pct_start": 0.45, "div_factor": 10.0, "final_div_factor": 100.0}),
    ("constant", 0.1, {"warmup": 7}),
    ("exponential", 1e-3, {"factor": 0.96, "warmup": 5}),
    ("step", 0.5, {"step_size": 7, "factor": 0.9, "warmup": 3}),
    ("warm_restarts", 1e-3, {"t_0": 10, "t_mult": 2, "warmup": 20}),
    ("cosine", 2e-3, {"t_max": 100, "min_lr": 1e-6, "swa_start": 80, "swa_lr": 0.05}),
    ("step", 0.5, {"step_size": 7, "factor": 0.9, "swa_start": 33, "swa_lr": 1e-3, "swa_ramp": 25}),
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


def torch_scheduler(name: str, tx: torch.optim.Optimizer, options: Tree) -> Any:
    """PyTorch's schedule under our names."""
    if name == "constant":
        return torch.optim.lr_scheduler.ConstantLR(tx, factor=1.0)
    if name == "plateau":
        return torch.optim.lr_scheduler.ReduceLROnPlateau(tx, **options)
    if name == "one_cycle":
        return torch.optim.lr_scheduler.OneCycleLR(
            tx, tx.param_groups[0]["lr"], total_steps=EPOCHS, cycle_momentum=False, **options
        )
    return KINDS[name](tx, **{TORCH_NAMES.get(k, k): v for k, v in options.items()})


def warmed_up(tx: torch.optim.Optimizer, scheduler: Any, steps: int) -> Any:
    """From 1/steps of the rate to all of it, linearly; then the schedule."""
    rise = torch.optim.lr_scheduler.LinearLR(tx, start_factor=1 / steps, total_iters=steps - 1)
    return torch.optim.lr_scheduler.SequentialLR(tx, [rise, scheduler], milestones=[steps])


def schedule_rates(name: str, lr0: float, options: Tree, metric: np.ndarray) -> np.ndarray:
    """The rate in force during each epoch."""
    around = ("warmup", "swa_start", "swa_lr", "swa_ramp")
    own = {k: v for k, v in options.items() if k not in around}
    tx = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr0)
    scheduler = torch_scheduler(name, tx, own)
    if "warmup" in options:
        scheduler = warmed_up(tx, scheduler, options["warmup"])
    ramp_from, ramp = options.get("swa_start", EPOCHS), None
    if "swa_start" in options:
        epochs = options.get("swa_ramp", 10)
        ramp = torch.optim.swa_utils.SWALR(tx, options["swa_lr"], epochs, "linear")
    rates = []
    for epoch in range(EPOCHS):
        rates.append(tx.param_groups[0]["lr"])
        tx.step()
        if ramp is not None and epoch >= ramp_from:
            ramp.step()
        elif epoch + 1 < EPOCHS:  # one_cycle refuses to be asked beyond its end
            scheduler.step(*([metric[epoch]] if name == "plateau" else []))
    return np.array(rates)


def record() -> dict[str, Arrays]:
    """200 epochs of every schedule; plateau on a falling, noisy metric with NaN and a shelf."""
    rng = np.random.default_rng(1)
    metric = 2 * np.exp(-np.arange(EPOCHS) / 40) + 0.3 + 0.05 * rng.normal(size=EPOCHS)
    metric[[0, 17, 18]] = np.nan
    metric[90:120] = metric[89]
    rates = [schedule_rates(*case, metric) for case in SCHEDULES]
    cases = [{"name": n, "lr0": lr0, "options": options} for n, lr0, options in SCHEDULES]
    arrays = {"cases": np.array(json.dumps(cases)), "metric": metric, "rates": np.stack(rates)}
    return {"schedules": arrays}
