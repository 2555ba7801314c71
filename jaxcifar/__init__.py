"""Train whole CIFAR-10 studies as one compiled population.

``train(study)`` trains, ``load(workdir, member, which)`` gives a trained network back and
``predict(workdir, member, images)`` applies it; studies are made of what ``config`` holds, and
``landscape`` is the one-pass step at many learning rates. Nothing heavy is imported until it is
used.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what `__getattr__` gives, for editors and type checkers
    from jaxcifar import config, interop, landscape, losses, models, optim
    from jaxcifar.evaluation.trained import load, predict
    from jaxcifar.train import train

__version__ = "0.1.0"
__all__ = [
    "config", "interop", "landscape", "load", "losses", "models", "optim", "predict", "train",
]  # fmt: skip

_HOMES = {
    "load": "jaxcifar.evaluation.trained",
    "predict": "jaxcifar.evaluation.trained",
    "train": "jaxcifar.train",
}


class _Package(ModuleType):
    """Keeps ``jaxcifar.train`` the function where the command's module of that name is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in __all__:
        return importlib.import_module(f"jaxcifar.{name}")
    raise AttributeError(f"module 'jaxcifar' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
