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
from jaxcifar.config.config import SEEDS, Config, Stage, flat, replace, stage_path
from jaxcifar.config.devices import DevicesConfig
from jaxcifar.config.fields import Duration, duration, expected
from jaxcifar.config.first_weights import Source, source
from jaxcifar.config.probe import ProbeConfig
from jaxcifar.config.study import Member, Study, default_id, short, sweep

__all__ = [
    "SEEDS",
    "AverageConfig",
    "CheckpointConfig",
    "Config",
    "DataConfig",
    "DevicesConfig",
    "Duration",
    "EvalConfig",
    "LossConfig",
    "Member",
    "ModelConfig",
    "OptimConfig",
    "ProbeConfig",
    "ScheduleConfig",
    "Source",
    "Stage",
    "Study",
    "TrainConfig",
    "default_id",
    "expected",
    "duration",
    "flat",
    "replace",
    "short",
    "source",
    "stage_path",
    "sweep",
]
