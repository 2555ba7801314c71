"""What a run is: frozen dataclasses, their checks, and studies made of members."""

from jaxcifar.config.components import (
    AverageConfig,
    CheckpointConfig,
    DataConfig,
    Duration,
    EvalConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    ScheduleConfig,
    TrainConfig,
    duration,
)
from jaxcifar.config.source import Source, source
from jaxcifar.config.study import Member, Study, default_id, short, sweep
from jaxcifar.config.whole import Config, Stage, flat, replace

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
    "duration",
    "flat",
    "replace",
    "short",
    "source",
    "sweep",
]
