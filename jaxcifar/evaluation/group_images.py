"""A group's images on its devices."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from jaxcifar import programs
from jaxcifar.core.types import Images
from jaxcifar.planning.group import Job, split_rows


class GroupData(NamedTuple):
    """Images on the device: what trains, and what is scored at an evaluation."""

    train: Images
    scored: Mapping[str, Images]  # "val", and "train_eval" where asked for
    augmented: frozenset[str] = frozenset()  # which of them are augmented as in training


def group_data(job: Job) -> GroupData:
    """The group's images on its devices. The test images are among them only if asked for."""
    config = job.members[0].config
    train_rows, val_rows = split_rows(job.data, config.data)

    def of_training_set(rows: np.ndarray) -> Images:
        return _on_device(job, job.data.train_images[rows], job.data.train_labels[rows])

    train = of_training_set(train_rows)
    split, _, augmented = config.select_on.partition("_")
    selection = {
        "train": lambda: train,
        "test": lambda: test_images(job),
        "validation": lambda: of_training_set(val_rows),
    }[split]()
    scored = {"train_eval": train, "val": selection} if config.eval.train else {"val": selection}
    return GroupData(train, scored, frozenset({"val"} if augmented else ()))


def test_images(job: Job) -> Images:
    """The test set on the group's devices."""
    return _on_device(job, job.data.test_images, job.data.test_labels)


def _on_device(job: Job, images: np.ndarray, labels: np.ndarray) -> Images:
    program = job.plan.phases[0].program
    return programs.replicate(Images(images, labels.astype(np.int32)), program)
