"""The target of R2's figure 12: CIFAR-ResNets of 20 to 1202 layers as a public repository has them.

    python -m jaxcifar.train --config configs/r2_depth.py[:published|:asrun|:quick]

Gradients are cleared and never clipped, the best epoch counts. Variants: `jaxcifar.config.reports`;
:asrun is :published.
"""

from jaxcifar.config import (
    Config,
    DataConfig,
    ModelConfig,
    OptimConfig,
    ScheduleConfig,
    Study,
    TrainConfig,
)
from jaxcifar.config.reports import ON_TEST, QUICK, study

BASE = Config(
    data=DataConfig(normalisation="imagenet", augment=("hflip", "crop")),
    model=ModelConfig(name="cifar_resnet20"),
    optim=OptimConfig(name="sgd", lr=0.1, momentum=0.9, weight_decay=1e-4),
    schedule=ScheduleConfig(name="multi_step", milestones=(100, 150), factor=0.1),
    train=TrainConfig(epochs=200, batch_size=128),
)
# The recipe starts the deepest at a tenth of the rate for an epoch. Here the rate rises during it;
# the schedule begins after a warm-up, so its milestones are an epoch earlier by its own clock.
DEEP = {"schedule.warmup": 1.0, "schedule.milestones": (99, 149)}
ROWS = {
    f"R2-depth-{depth}": {"model.name": f"cifar_resnet{depth}"} | (DEEP if depth > 100 else {})
    for depth in (20, 32, 44, 56, 110, 1202)
}
SMALL = QUICK | {"data.n_train": 711}
FEWER = {"R2-depth-110": {"data.n_train": 284, "data.n_test": 500}}


def get_config(variant: str | None = None) -> Study:
    """Six members; :quick leaves out 1202 layers, 2.8 G multiply-accumulates an image."""
    return study(
        "r2_depth", BASE, ROWS, variant, published=ON_TEST, quick=SMALL, only={"quick": FEWER},
        not_quick=("R2-depth-1202",),
    )  # fmt: skip
