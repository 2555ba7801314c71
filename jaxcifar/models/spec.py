"""What the table of networks says about each, and what options mean wherever they occur."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from flax import linen as nn

from jaxcifar.models.activations import ACTIVATIONS
from jaxcifar.models.initialisers import KERNELS

Path = tuple[str, ...]
Options = Mapping[str, Any]

CHOICES: dict[str, tuple[str, ...]] = {
    "activation": (*ACTIVATIONS, "prelu"),
    "init": tuple(KERNELS),
    "norm": ("none", "batch"),
    "out_activation": ("none", "tanh"),
    "shortcut": ("A", "B"),
    "stem_activation": ("quirk", "same"),
}
"""The values of options that are names."""

RATES = ("dropout_rate", "input_dropout2d")
"""Options that are probabilities."""

TRACED = (*RATES, "leaky_slope")
"""Options that are traced numbers: a value in the collection `hyper` wins over the attribute."""

NEEDS = {"leaky_slope": ("activation", "leaky_relu")}
"""Option -> (other option, the value of it without which the option does nothing)."""

ANY_LENGTH = ("channels", "strides")
"""Options that are tuples of any length; others keep the length of their default."""


class ModelSpec(NamedTuple):
    """One network of the table.

    Attributes:
        build: makes the flax module from options.
        options: every option and its default; see the names above for what they may be.
        doc: one line for people.
        first_kernel: where in `params` the first layer's kernel lies.
        last_kernel: where in `params` the last layer's kernel lies.
    """

    build: Callable[..., nn.Module]
    options: Options
    doc: str
    first_kernel: Path = ("conv1", "kernel")
    last_kernel: Path = ("fc", "kernel")

    @property
    def traced(self) -> tuple[str, ...]:
        """Those of its options that are traced numbers."""
        return tuple(name for name in TRACED if name in self.options)

    @property
    def needs(self) -> Mapping[str, tuple[str, Any]]:
        """Those of its options that need another to do anything: see `NEEDS`."""
        return {name: need for name, need in NEEDS.items() if name in self.options}
