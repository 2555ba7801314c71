"""A group to train: its plan, its images on the host, its folder."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxcifar import data
from jaxcifar.config import DataConfig
from jaxcifar.config.population import MemberRun
from jaxcifar.core.types import Plan


class Group(NamedTuple):
    """A group to train: its plan, its images on the host, its folder."""

    plan: Plan
    members: tuple[MemberRun, ...]
    data: data.Dataset
    path: Path
    finished: bool
    longer: bool = False  # its folder was begun for fewer epochs


def split_rows(images: data.Dataset, config: DataConfig) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training images that train, and those of the validation part."""
    return data.split(len(images.train_labels), config.validation, config.split_seed)
