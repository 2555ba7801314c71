"""The conditioned CNN at the best setting of the first report (published: 91.53 % on the test set).

    python -m jaxcifar.train --config configs/cnn.py[:quick|:published]

none        10 % validation split, the best epoch chosen on it
:published  all 50,000 images train and the best epoch is chosen on the test set, as the report did
:quick      the small network on synthetic images, minutes on 2 CPU cores
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
    replace,
)
from jaxcifar.errors import unknown

BASE = Config(
    data=DataConfig(normalisation="cifar_a", augment=("hflip", "crop")),
    model=ModelConfig(
        name="cnn",
        filters=(128, 256, 512),
        activation="leaky_relu",
        leaky_slope=0.05,
        dropout_rate=0.4,
    ),
    optim=OptimConfig(name="adam", lr=2e-3, weight_decay=1e-5, clip=5.0),
    schedule=ScheduleConfig(name="cosine", t_max=100, min_lr=1e-6),
    loss=LossConfig(smoothing=0.15),
    train=TrainConfig(epochs=100, batch_size=128),
)
VARIANTS = {
    None: {},
    "published": {"data.validation": 0.0, "select_on": "test"},
    "quick": {
        "data.name": "synthetic",
        "data.n_train": 10000,
        "data.n_test": 2000,
        "model.filters": (32, 64, 128),
        "schedule.t_max": 5,
        "train.epochs": 5,
    },
}


def get_config(variant: str | None = None) -> Study:
    """One member; ask for more seeds with --config.seeds=N."""
    if variant not in VARIANTS:
        raise unknown("variant", str(variant), filter(None, VARIANTS))
    return Study("cnn", replace(BASE, VARIANTS[variant]))
