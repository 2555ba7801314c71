"""The table of networks: one row each, with its options and their defaults."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flax import linen as nn

from jaxcifar.models.activations import ACTIVATIONS
from jaxcifar.models.cnn import Cnn
from jaxcifar.models.initialisers import KERNELS
from jaxcifar.models.vgg import Vgg

Path = tuple[str, ...]


class ModelSpec(NamedTuple):
    """One network of the table.

    Attributes:
        build: makes the flax module from options.
        options: every option and its default.
        choices: the values allowed for options that are names.
        traced: options that are traced numbers: a value in the collection `hyper` wins.
        first_kernel: where in `params` the first layer's kernel lies.
        last_kernel: where in `params` the last layer's kernel lies.
        doc: one line for people.
        needs: option -> (other option, the value of it without which the option does nothing).
    """

    build: Callable[..., nn.Module]
    options: Mapping[str, Any]
    first_kernel: Path
    last_kernel: Path
    doc: str
    choices: Mapping[str, tuple[str, ...]] = {}
    traced: tuple[str, ...] = ()
    needs: Mapping[str, tuple[str, Any]] = {}


_INITS = tuple(KERNELS)
_FIRST, _LAST = ("conv1", "kernel"), ("fc3", "kernel")

MODELS: dict[str, ModelSpec] = {
    "cnn": ModelSpec(
        Cnn,
        {
            "filters": (64, 128, 256),
            "activation": "relu",
            "leaky_slope": 0.1,
            "use_batchnorm": True,
            "dropout_rate": 0.0,
            "out_activation": "none",
            "init": "torch",
        },
        _FIRST,
        _LAST,
        "three convolutions, three dense layers, every knob of the conditioned-CNN study",
        choices={
            "activation": (*ACTIVATIONS, "prelu"),
            "out_activation": ("none", "tanh"),
            "init": _INITS,
        },
        traced=("dropout_rate",),
        needs={"leaky_slope": ("activation", "leaky_relu")},
    ),
    "vgg_a": ModelSpec(
        Vgg,
        {"norm": "none", "width": 1.0, "init": "torch"},
        _FIRST,
        _LAST,
        "VGG-A (arXiv:1409.1556) for 32x32 images, with or without BatchNorm",
        choices={"norm": ("none", "batch"), "init": _INITS},
    ),
    "vgg_a_light": ModelSpec(
        functools.partial(Vgg, plan=(16, "M", 32, "M"), hidden=128),
        {"init": "torch"},
        _FIRST,
        _LAST,
        "two convolutions of 16 and 32 channels under VGG's head, 128 features wide",
        choices={"init": _INITS},
    ),
    "vgg_a_dropout": ModelSpec(
        Vgg,
        {"dropout_rate": 0.5, "init": "torch"},
        _FIRST,
        _LAST,
        "VGG-A with dropout before its first and second dense layer",
        choices={"init": _INITS},
        traced=("dropout_rate",),
    ),
}
