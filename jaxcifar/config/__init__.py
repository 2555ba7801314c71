"""What a run is: frozen dataclasses, their checks, and studies made of members."""

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
from jaxcifar.config.fields import Duration, describe, duration
from jaxcifar.config.source import Source, source
from jaxcifar.config.study import Member, Study, default_id, short, sweep
from jaxcifar.config.whole import Config, Stage, flat, replace, stage_path

__all__ = [
    "AverageConfig",
    "CheckpointConfig",
    "Config",
    "DataConfig",
    "Duration",
    "EvalConfig",
    "LossConfig",
    "Member",
    "ModelConfig",
    "OptimConfig",
    "ScheduleConfig",
    "Source",
    "Stage",
    "Study",
    "TrainConfig",
    "default_id",
    "describe",
    "duration",
    "flat",
    "replace",
    "short",
    "source",
    "stage_path",
    "sweep",
]
