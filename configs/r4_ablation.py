"""R4: a ConvNet of 5x5 convolutions with BatchNorm everywhere, in places and nowhere.

    python -m jaxcifar.train --config configs/r4_ablation.py[:published|:asrun|:quick]

The text describes SGD at 1e-3, in one run halved after five epochs, and an ablation without any
BatchNorm: so :published and the clean plan have it. What ran was SGD at 0.1 throughout, the
schedule acting on another optimizer (C21), and an ablation with BatchNorm after the fourth
convolution (C20): so :asrun has it, and the published numbers are those. R4-bn-step-in-force is
what was meant: 0.1, really halved, in every variant.

The networks are looked into (`eval.probes`): the size of each layer's output before training is
what the claim about growing norms is about. Other variants: `jaxcifar.config.reports`.
"""

from jaxcifar.config import (
    Config,
    DataConfig,
    EvalConfig,
    ModelConfig,
    OptimConfig,
    Study,
    TrainConfig,
)
from jaxcifar.config.reports import ON_TEST, QUICK, study

BASE = Config(
    data=DataConfig(normalisation="half", augment=("hflip",)),
    model=ModelConfig(name="convnet_r4"),
    optim=OptimConfig(name="sgd", lr=1e-3, momentum=0.0, weight_decay=1e-4),
    train=TrainConfig(epochs=10, batch_size=100),
    eval=EvalConfig(probes=True),
)
ALL, NONE = (True,) * 6, (False,) * 6
ONE, EVEN = tuple(slot == 4 for slot in range(1, 7)), (False, True) * 3
HALVED = {"schedule.name": "step", "schedule.step_size": 5, "schedule.factor": 0.5}
IN_FORCE = {"optim.lr": 0.1}
ROWS = {
    "R4-bn-step": {"model.bn": ALL} | HALVED,
    "R4-bn-const": {"model.bn": ALL, "seed": 1000},  # C21: as run, only the seed differs
    "R4-ablate-bn": {"model.bn": NONE},  # C20
    "R4-none": {"model.bn": NONE, "seed": 1000},
    "R4-alternating": {"model.bn": EVEN},
    "R4-bn-step-in-force": {"model.bn": ALL} | HALVED | IN_FORCE,
}
PUBLISHED = ON_TEST | {"select": "last"}
ASRUN = IN_FORCE | dict.fromkeys(HALVED) | {"schedule.name": "constant"}  # C21
ONLY_ASRUN = {"R4-ablate-bn": {"model.bn": ONE}, "R4-bn-step-in-force": HALVED}  # C20
SMALL = QUICK | {  # 0.4 G multiply-accumulates an image
    "data.n_train": 67, "data.n_test": 100, "train.epochs": 1, "train.batch_size": 20,
    "eval.batch_size": 50,
}  # fmt: skip


def get_config(variant: str | None = None) -> Study:
    """Six members."""
    return study(
        "r4_ablation", BASE, ROWS, variant, published=PUBLISHED, asrun=ASRUN, quick=SMALL,
        only={"asrun": ONLY_ASRUN},
    )  # fmt: skip
