"""A member's whole description, and how its fields are changed by dotted path."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from jaxcifar.config.components import (
    AverageConfig,
    CheckpointConfig,
    DataConfig,
    EvalConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    ScheduleConfig,
    TrainConfig,
)
from jaxcifar.config.devices import DevicesConfig
from jaxcifar.config.fields import check_types, require
from jaxcifar.config.first_weights import source
from jaxcifar.config.probe import ProbeConfig
from jaxcifar.core.errors import UserError, unknown


class Stage(NamedTuple):
    """A later stretch of a run: it keeps the weights and begins with a fresh optimizer state.

    >>> Stage(at=0.8, changes={"optim.name": "sgd", "optim.momentum": 0.9})  # AdamW, then SGD
    """

    at: float  # it begins with epoch int(at * train.epochs), counted from 0
    changes: Mapping[str, Any]  # by dotted path, on top of the stage before it


SEEDS = ("init_seed", "order_seed", "augment_seed")
"""What `seed` stands for where they are not given: first weights, order of images, augmentation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One member's whole description. Everything has a default; configs state differences."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    average: AverageConfig = field(default_factory=AverageConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    probe: ProbeConfig = field(default_factory=ProbeConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    devices: DevicesConfig = field(default_factory=DevicesConfig)
    init_from: str | None = None  # first weights of another run: FOLDER:MEMBER[:KIND]
    stages: tuple[Stage, ...] = ()  # written --config.stages.0.at=0.8 --config.stages.0.optim...
    select: Literal["best", "last", "swa", "ema"] = "best"  # which weights the report leads with
    # The images that choose the best evaluation. `augmented`: as in training; for runs that follow
    # a report which did so.
    select_on: Literal["validation", "test", "train", "validation_augmented", "train_augmented"] = (
        "validation"
    )
    dtype: Literal["float32", "bfloat16"] = "float32"  # of the computation, never of parameters
    deterministic: bool = True  # refuse to resume where the bits could differ
    seed: int = 0
    init_seed: int | None = None  # these three follow `seed` unless given
    order_seed: int | None = None
    augment_seed: int | None = None

    def __post_init__(self) -> None:
        check_types(self)
        if self.select_on.startswith("validation") and self.data.validation == 0:
            raise UserError(
                f"select_on={self.select_on!r} needs a validation part, but data.validation=0\n"
                "give --config.data.validation=0.1, or --config.select_on=train"
            )
        if self.select_on.endswith("_augmented") and not self.augmented:
            raise UserError(
                f"select_on={self.select_on!r}, but data.augment is empty: nothing would differ\n"
                f"give --config.select_on={self.select_on.removesuffix('_augmented')}, or "
                "--config.data.augment"
            )
        if self.devices.per_shard:
            self._refuse_probes()
        if self.init_from is not None:
            source(self.init_from)
        averaged = self.average.name if self.select in ("swa", "ema") else self.select
        if averaged != self.select:
            raise UserError(
                f"select={self.select!r}, but average.name={averaged!r}: no such weights\n"
                f"give --config.average.name={self.select}"
            )
        for name in ("seed", *SEEDS):
            value = getattr(self, name)
            require(value is None or 0 <= value < 2**31, name, value, "0 <= seed < 2**31")

    def _refuse_probes(self) -> None:
        for name in self.probe.__slots__:
            if name.endswith("every") and getattr(self.probe, name) is not None:
                raise UserError(
                    f"probe.{name} looks at whole batches, and devices.batch_norm='per_shard' "
                    "trains on parts by their own statistics\nleave one of the two out"
                )

    @property
    def augmented(self) -> bool:
        """Whether any stage augments its images."""
        changes = (stage.changes.get("data.augment") for stage in self.stages)
        return bool(self.data.augment) or any(changes)


def replace(config: Config, overrides: Mapping[str, Any]) -> Config:
    """`config` with fields changed by dotted path, all at once, checked anew.

    ``stages.0.at`` and ``stages.0.optim.lr`` change the first stage, or make it.

    Raises: UserError: a value of the wrong type or out of range, a path that is no field.
    """
    within = {path: value for path, value in overrides.items() if path.startswith("stages.")}
    plain = {path: value for path, value in overrides.items() if path not in within}
    if within:
        plain["stages"] = _change_stages(plain.get("stages", config.stages), within)
    return _replace(config, {tuple(path.split(".")): value for path, value in plain.items()})


def flat(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides for people to read: whole stages field by field, by the paths of flags.

    >>> flat({"stages": (Stage(0.8, {"optim.name": "sgd"}),)})
    {'stages.0.at': 0.8, 'stages.0.optim.name': 'sgd'}
    """
    rows = dict(overrides)
    for number, stage in enumerate(rows.pop("stages", ())):
        rows |= {f"stages.{number}.{path}": value for path, value in _row(stage).items()}
    return rows


def _row(stage: Stage) -> dict[str, Any]:
    return {"at": stage.at, **stage.changes}


def _change_stages(stages: Sequence[Stage], within: Mapping[str, Any]) -> tuple[Stage, ...]:
    rows = [_row(stage) for stage in stages]
    for index, field_path in sorted(map(stage_path, within)):
        if index > len(rows):
            raise UserError(f"there is no stage {len(rows)}, but changes of stage {index}")
        if index == len(rows):
            rows.append({})
        rows[index][field_path] = within[f"stages.{index}.{field_path}"]
    for number, row in enumerate(rows):
        require(
            "at" in row, f"stages.{number}.at", None, "a fraction of the run's epochs; give one"
        )
    return tuple(Stage(row.pop("at"), row) for row in rows)


def stage_path(path: str) -> tuple[int, str]:
    """``stages.0.optim.lr`` -> (0, "optim.lr"). Raises: UserError: it names no field of a stage."""
    found = re.fullmatch(r"stages\.(\d+)\.(.+)", path)
    if found is None:
        raise UserError(
            f"{path} names no field of a stage\n"
            "write stages.0.at=0.8 and stages.0.optim.name=sgd, stages.1.at=... for a second one"
        )
    return int(found[1]), found[2]


def _replace(node: Any, changes: Mapping[tuple[str, ...], Any], section: str = "") -> Any:
    values: dict[str, Any] = {}
    deeper: dict[str, dict[tuple[str, ...], Any]] = {}
    names = getattr(node, "__slots__", ())
    for (head, *rest), value in changes.items():
        if head not in names:
            raise unknown("config field", section + head, [section + name for name in names])
        if rest:
            deeper.setdefault(head, {})[tuple(rest)] = value
        else:
            values[head] = value
    for head, below in deeper.items():
        values[head] = _replace(getattr(node, head), below, f"{section}{head}.")
    return dataclasses.replace(node, **values)
