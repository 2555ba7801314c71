"""Train whole CIFAR-10 studies as one compiled population.

``train(study)`` trains, ``load(workdir, member, which)`` gives a trained network back and
``predict(workdir, member, images)`` applies it. Nothing heavy is imported until it is used.
"""

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["load", "predict", "train"]

_HOMES = {"load": "jaxcifar.evaluation.trained", "predict": "jaxcifar.evaluation.trained"}


def __getattr__(name: str) -> Any:
    if name == "train":
        return importlib.import_module("jaxcifar.train")  # the module is callable
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'jaxcifar' has no attribute {name!r}")
