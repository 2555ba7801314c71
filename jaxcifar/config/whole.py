"""A member's whole description, and how its fields are changed by dotted path."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jaxcifar.config.components import (
    CheckpointConfig,
    DataConfig,
    EvalConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    ScheduleConfig,
    TrainConfig,
    require,
)
from jaxcifar.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One member's whole description. Everything has a default; configs state differences."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    select: Literal["best", "last"] = "best"  # which weights the report leads with
    select_on: Literal["validation", "test", "train"] = "validation"
    dtype: Literal["float32", "bfloat16"] = "float32"  # of the computation, never of parameters
    deterministic: bool = True  # refuse to resume where the bits could differ
    seed: int = 0
    init_seed: int | None = None  # these three follow `seed` unless given
    order_seed: int | None = None
    augment_seed: int | None = None

    def __post_init__(self) -> None:
        if self.select_on == "validation" and self.data.validation == 0:
            raise UserError(
                "select_on='validation' needs a validation part, but data.validation=0\n"
                "give --config.data.validation=0.1, or --config.select_on=train"
            )
        for name in ("seed", "init_seed", "order_seed", "augment_seed"):
            value = getattr(self, name)
            require(value is None or 0 <= value < 2**31, name, value, "0 <= seed < 2**31")


def replace(config: Config, overrides: Mapping[str, Any]) -> Config:
    """`config` with fields changed by dotted path, all at once, checked anew.

    Raises: UserError: a value out of range. KeyError: a path that is no field.
    """
    return _replace(config, {tuple(path.split(".")): value for path, value in overrides.items()})


def _replace(node: Any, changes: Mapping[tuple[str, ...], Any]) -> Any:
    values: dict[str, Any] = {}
    deeper: dict[str, dict[tuple[str, ...], Any]] = {}
    for (head, *rest), value in changes.items():
        if head not in node.__slots__:
            raise KeyError(head)
        if rest:
            deeper.setdefault(head, {})[tuple(rest)] = value
        else:
            values[head] = value
    values |= {head: _replace(getattr(node, head), below) for head, below in deeper.items()}
    return dataclasses.replace(node, **values)
