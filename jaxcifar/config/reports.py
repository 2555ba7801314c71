"""What the configs of the five reports share: variants, each report's common settings, row names.

The reports, R0 to R4, each trained on CIFAR-10; a config holds one table or figure of one of them,
a member is one of its rows. Where a report contradicts itself or its code, a comment at the choice
gives the contradiction's number (C1, C2, ...).

Variants of every such config:

none        clean: a tenth of the training images is set apart and selects, the test set never does
:published  as the report's text describes it, contradictions resolved
:asrun      as its code ran it, where that is something else; else the same as :published
:quick      the clean plan in minutes on 2 CPU cores: few real images, few epochs, narrow networks
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from jaxcifar.config.components import (
    DataConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    ScheduleConfig,
    TrainConfig,
)
from jaxcifar.config.config import Config, Stage, replace
from jaxcifar.config.study import Member, Study
from jaxcifar.core.errors import unknown

Changes = Mapping[str, Any]  # by dotted path
Rows = Mapping[str, Changes]  # by member

SEEDS = 3  # the least that gives an interval
ON_TEST = {"data.validation": 0.0, "select_on": "test"}  # all images train, the test set selects
# 10 full batches of 128 after the validation part is taken away, and no short one to compile for
QUICK = {"data.n_train": 1422, "data.n_test": 1000, "train.epochs": 2}


def study(
    name: str, base: Config, rows: Rows, variant: str | None, *, published: Changes,
    asrun: Changes | None = None, quick: Changes = QUICK, only: Mapping[str, Rows] | None = None,
    not_quick: Collection[str] = (),
) -> Study:  # fmt: skip
    """The study of one table or figure in one variant.

    What a variant changes holds for all rows: a row's own value of the same field gives way.

    Args:
        name: of the study, the config file's.
        base: the clean plan.
        rows: members and what each changes.
        variant: None, "published", "asrun" or "quick".
        published: what the report does otherwise than the clean plan.
        asrun: what its code does otherwise than its text; None = nothing.
        quick: what makes the clean plan small.
        only: by variant, what single rows change in it, above all else.
        not_quick: rows that even a small plan takes too long for.

    Raises: UserError: unknown variant, a value out of range.
    """
    plans: dict[str | None, Changes] = {
        None: {},
        "published": published,
        "asrun": {**published, **(asrun or {})},
        "quick": quick,
    }
    if variant not in plans:
        raise unknown("variant", str(variant), filter(None, plans))
    changes, own = plans[variant], (only or {}).get(variant or "", {})
    members = tuple(
        Member(row, {**_without(row_changes, changes), **own.get(row, {})})
        for row, row_changes in rows.items()
        if variant != "quick" or row not in not_quick
    )
    return Study(name, replace(base, changes), members, 1 if variant == "quick" else SEEDS)


def _without(row: Changes, changes: Changes) -> Changes:
    return {path: value for path, value in row.items() if path not in changes}


# R0: the conditioned CNN; which of its knobs a table turns is in the table's config.
R0 = Config(
    data=DataConfig(normalisation="cifar_a", augment=("hflip", "crop")),
    model=ModelConfig(
        name="cnn",
        filters=(64, 128, 256),
        activation="leaky_relu",
        leaky_slope=0.1,  # C4: 0.1 in the tables, 0.05 in the best setting and for SWA
        dropout_rate=0.5,
    ),
    optim=OptimConfig(name="adam", lr=1e-3, weight_decay=1e-4, clip=1.0),
    schedule=ScheduleConfig(name="step", step_size=20, factor=0.1),
    train=TrainConfig(epochs=50, batch_size=128),
)
R0_COSINE = {"schedule.name": "cosine", "schedule.step_size": None, "schedule.factor": None}
R0_PUBLISHED = ON_TEST  # C1: what the report calls validation is the test set
R0_QUICK = QUICK | {"model.filters": (16, 32, 64)}

# R1: networks against one another, AdamW for 56 of 70 epochs, then SGD at the same falling rate.
R1 = Config(
    data=DataConfig(
        normalisation="imagenet",
        augment=("hflip", "crop", "erase", "mix"),  # C7: mixup and CutMix are on
    ),
    model=ModelConfig(name="canet_tiny"),
    optim=OptimConfig(name="adamw", lr=1e-3, weight_decay=1e-3),
    schedule=ScheduleConfig(name="exponential", factor=0.96),
    loss=LossConfig(smoothing=0.1),
    train=TrainConfig(epochs=70, batch_size=256),
    stages=(Stage(0.8, {"optim.name": "sgd", "optim.momentum": 0.9}),),
    seed=42,
)
R1_PUBLISHED = {"eval.every": "50 steps"}  # on the clean validation part (C8)
R1_ASRUN = {"select_on": "validation_augmented"}  # C8: validation images were augmented too
R1_QUICK = QUICK | {"train.batch_size": 64}

# R2: encoders, each figure a set of runs; no schedule up to figure 10.
R2 = Config(
    data=DataConfig(normalisation="cifar_c", augment=("vflip", "hflip")),
    model=ModelConfig(name="rn16"),
    optim=OptimConfig(name="adamw", clip=1.0),
    train=TrainConfig(epochs=100, batch_size=128),
)
R2_PUBLISHED = ON_TEST | {"select": "last"}  # the test set is followed, nothing is selected
R2_TWICE = R2_PUBLISHED | {"eval.every": "0.5 epochs"}  # figures 1 to 7
R2_ASRUN = {"optim.accumulation": "carry"}  # C12: no script clears its gradients
# Four steps: up to sixteen members of up to 32 blocks on whole maps
R2_QUICK = QUICK | {"data.n_train": 284, "model.channels": 4, "model.hidden": 8}
R2_DROPPED = {"model.input_dropout2d": 1 / 3}  # C15: of RN from figure 8 on, of RR always
# Figures 8 to 11: masked images; sizes and rates are each figure's
R2_MASKED = {"data.augment": ("vflip", "hflip", "block_mask")}
# Figure 12: the setting of the public repository
R2_REPO = {
    "data.normalisation": "imagenet",
    "data.augment": ("hflip", "crop"),
    "train.epochs": 200,
}
R2_OPTIMIZERS: Rows = {
    "sgd": {"optim.name": "sgd"},
    "sgdwm": {"optim.name": "sgd", "optim.momentum": 0.96},
    "adam": {"optim.name": "adam"},
    "adamw": {"optim.name": "adamw"},
    "sgdwm-steps": {  # of figure 12, where the momentum is no longer 0.96
        "optim.name": "sgd",
        "optim.momentum": 0.9,
        "schedule.name": "multi_step",
        "schedule.milestones": (100, 150),
        "schedule.factor": 0.1,
    },
}


def r2_grid(prefix: str, networks: Rows, runs: Iterable[Sequence[Any]]) -> dict[str, Changes]:
    """Every network with every run (optimizer, learning rate[, weight decay]).

    >>> [*r2_grid("R2-x", {"rn4": {}}, [("adamw", 1e-4, 1e-3)])]
    ['R2-x-rn4-adamw-1e-4-wd1e-3']
    """
    rows: dict[str, Changes] = {}
    runs = [*runs]
    for network, changes in networks.items():
        for optimizer, lr, *decay in runs:
            words = [
                prefix,
                network,
                optimizer,
                scientific(lr),
                *(f"wd{scientific(d)}" for d in decay),
            ]
            row = {**changes, **R2_OPTIMIZERS[optimizer], "optim.lr": lr}
            if decay:
                row["optim.weight_decay"] = decay[0]
            rows["-".join(word for word in words if word)] = row
    return rows


def scientific(number: float) -> str:
    """A number as rows are named by it.

    >>> [scientific(value) for value in (3.5e-4, 0.1, 0.0)]
    ['3.5e-4', '1e-1', '0']
    """
    if number == 0:
        return "0"
    digits, _, power = f"{number:e}".partition("e")
    return f"{float(digits):g}e{int(power)}"
