"""R0: the small ResNet with AdamW and warm restarts; Swish was published, others are options.

    python -m jaxcifar.train --config configs/r0_resnet.py[:published|:asrun|:quick]

The stem uses Swish where the blocks do, else GELU, as the report's listing has it. Variants:
`jaxcifar.config.reports`; the report scored its network after every fifth epoch.
"""

from jaxcifar.config import (
    Config,
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    ScheduleConfig,
    Study,
    TrainConfig,
)
from jaxcifar.config.reports import QUICK, R0_PUBLISHED, study

BASE = Config(
    data=DataConfig(
        normalisation="half",
        augment=("crop", "hflip", "randaugment"),  # C24: RandAugment only in the code
        randaugment_n=2,
        randaugment_m=9,
    ),
    model=ModelConfig(name="resnet_r0", activation="silu"),
    optim=OptimConfig(name="adamw", lr=1e-3, weight_decay=0.05),
    schedule=ScheduleConfig(name="warm_restarts", t_0=10, t_mult=2),  # C25: not plain cosine
    loss=LossConfig(smoothing=0.1),
    train=TrainConfig(epochs=200, batch_size=128),
)
ROWS = {
    "R0-resnet": {},
    "R0-resnet-gelu": {"model.activation": "gelu"},
    "R0-resnet-mish": {"model.activation": "mish"},
    "R0-resnet-relu": {"model.activation": "relu"},
}
PUBLISHED = R0_PUBLISHED | {"eval.every": "5 epochs"}
SMALL = QUICK | {"data.n_train": 142, "data.n_test": 200}  # 0.4 G multiply-accumulates an image


def get_config(variant: str | None = None) -> Study:
    """Four members."""
    return study("r0_resnet", BASE, ROWS, variant, published=PUBLISHED, quick=SMALL)
