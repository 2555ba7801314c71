"""A group's images on its devices."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from jaxcifar import programs
from jaxcifar.core.types import Images
from jaxcifar.planning.group import Group, split_rows


class GroupImages(NamedTuple):
    """Images on the device: what trains, and what is scored at an evaluation."""

    train: Images
    scored: Mapping[str, Images]  # "val", and "train_eval" where asked for
    augmented: frozenset[str] = frozenset()  # which of them are augmented as in training


def on_devices(group: Group) -> GroupImages:
    """The group's images on its devices. The test images are among them only if asked for."""
    config = group.members[0].config
    train_rows, val_rows = split_rows(group.data, config.data)

    def of_training_set(rows: np.ndarray) -> Images:
        return _on_device(group, group.data.train_images[rows], group.data.train_labels[rows])

    train = of_training_set(train_rows)
    split, _, augmented = config.select_on.partition("_")
    selection = {
        "train": lambda: train,
        "test": lambda: test_images(group),
        "validation": lambda: of_training_set(val_rows),
    }[split]()
    scored = {"train_eval": train, "val": selection} if config.eval.train else {"val": selection}
    return GroupImages(train, scored, frozenset({"val"} if augmented else ()))


def test_images(group: Group) -> Images:
    """The test set on the group's devices."""
    return _on_device(group, group.data.test_images, group.data.test_labels)


def _on_device(group: Group, images: np.ndarray, labels: np.ndarray) -> Images:
    program = group.plan.phases[0].program
    return programs.replicate(Images(images, labels.astype(np.int32)), program)
