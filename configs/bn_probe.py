"""Probes along the gradient: VGG-A with and without BatchNorm, as arXiv:1805.11604 looks at them.

    python -m jaxcifar.train --config configs/bn_probe.py[:quick|:small|:r0|:r1|:linear]

none    the paper's setting: plain SGD at a rate of 0.1, batches of 128, Glorot initialisation, no
        augmentation, 15,000 steps (43 epochs without the 10 % that validate: 15,136). Every 50
        steps the loss and its gradient are looked at along the gradient, at steps from 1/2 to 4
        times the rate. How many sizes, how they are spaced and how often it looked the paper does
        not say: here eight, geometrically spaced
:quick  the same at width 0.25 on synthetic images, 150 steps: minutes on 2 CPU cores
:small  the same at width 0.25, 3 epochs: what 2 CPU cores can do of it within the hour
:r0     the first report's runs, eight of Adam as `bn.py:r0` has them, with the same probes
:r1     the second report's runs, likewise of `bn.py:r1`
:linear the paper's other network: 25 matrices of 10 x 10, on 1,000 points of ten Gaussian numbers,
        10,000 steps of gradient descent at a rate of 1e-6 on all of them at once, squared loss;
        probes from 1/100 to 30 times the rate. What it is taught the paper does not say: here
        which of ten outputs of one fixed random matrix is the largest, as a one-hot target.
        Matrices of Glorot's variance keep the length of what passes through them, and gradients
        change by 0.1 at most, where the paper's figure has 1e12 to 1e16. Steps of 1e-8 are at the
        end of float32: their changes of the gradient are rounding in part

Under Adam, too, the probes go along the gradient, at the step sizes of the paper: what Adam's own
steps are like they do not say.
"""

import bn  # beside this file

from jaxcifar.config import (
    Config,
    DataConfig,
    ModelConfig,
    OptimConfig,
    ProbeConfig,
    Study,
    TrainConfig,
    replace,
    sweep,
)
from jaxcifar.core.errors import unknown

EVERY = "50 steps"
LAYERS = {"probe.shift_every": "500 steps", "probe.activations_every": "250 steps"}
BASE = Config(
    data=DataConfig(normalisation="half"),
    model=ModelConfig(name="vgg_a", init="xavier_normal"),
    optim=OptimConfig(name="sgd", lr=0.1),
    train=TrainConfig(epochs=43, batch_size=128),
    probe=ProbeConfig(every=EVERY, lr=0.1),
    select="last",
)
VARIANTS = {
    None: LAYERS,
    "quick": bn.VARIANTS["quick"]
    | {
        "probe.every": "10 steps",
        "probe.shift_every": "50 steps",
        "probe.activations_every": "10 steps",
    },
    "small": {
        "model.width": 0.25,
        "train.epochs": 3,
        "checkpoint.save_every": "0.5 epochs",
        "checkpoint.keep_every": "0.5 epochs",  # for curvature and slices along training
        "probe.shift_every": "100 steps",
        "probe.activations_every": "50 steps",
    },
    "linear": {
        "data.name": "gaussian",
        "data.n_train": 1111,  # 1,000 train
        "model.name": "deep_linear",
        "loss.name": "mse",
        "optim.lr": 1e-6,
        "train.batch_size": 1000,
        "train.epochs": 10_000,
        "eval.every": "1000 epochs",
        "checkpoint.save_every": "1000 epochs",
        "probe.lr": 1e-6,
        "probe.factors": tuple(0.01 * 3000 ** (k / 7) for k in range(8)),
        "probe.shift_every": "2500 steps",
        "probe.activations_every": "2500 steps",
    },
}
OF_REPORTS = ("r0", "r1")


def get_config(variant: str | None = None) -> Study:
    """Two members, one a network; of a report's runs as many as it has."""
    if variant in OF_REPORTS:
        study = bn.get_config(variant)
        base = replace(study.base, {"probe.every": EVERY, "probe.lr": 0.1, **LAYERS})
        return Study("bn_probe", base, study.members, study.seeds)
    if variant not in VARIANTS:
        raise unknown("variant", str(variant), [*filter(None, VARIANTS), *OF_REPORTS])
    networks = {"batch": "bn", "none": "plain"}
    members = sweep({"model.norm": tuple(networks)}, name=lambda row: networks[row["model.norm"]])
    return Study("bn_probe", replace(BASE, VARIANTS[variant]), members)
