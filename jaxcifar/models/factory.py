"""From a name and options to a network, with every mistake refused in the user's words."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from jaxcifar.core.errors import UserError, unknown
from jaxcifar.models.registry import MODELS
from jaxcifar.models.spec import ANY_LENGTH, CHOICES, RATES, ModelSpec

SHARED = ("dtype", "lowering", "members")
"""Attributes every network has besides its own options (see `jaxcifar.models.network.Network`)."""

ATTRIBUTES = {"init": "initialiser"}
"""Options whose attribute has another name: flax modules have a method `init`."""


def find(name: str) -> ModelSpec:
    """The table's row for `name`; raises UserError for a name that is not in it."""
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    return MODELS[name]


def make_model(name: str, **options: Any) -> nn.Module:
    """The network called `name`, to be used by its `init` and `apply`.

    Args:
        name: one of `MODELS`.
        **options: the row's own options, and of every network `dtype` (compute dtype, default
            float32), `lowering` and `members` (see `jaxcifar.models.network.Network`).

    Returns:
        A flax module; `apply(variables, images, train=...)` takes (N, 32, 32, 3) float images
        and gives (N, 10) float32.

    Raises:
        UserError: unknown name, unknown option, wrong type, or a value outside its range.

    >>> make_model("vgg_a", norm="batch", width=0.25)
    """
    spec = find(name)
    values = {}
    for option, value in options.items():
        if option not in spec.options and option not in SHARED:
            raise unknown(f"option of model {name!r}:", option, [*spec.options, *SHARED])
        values[option] = _checked(spec, option, value)
    _refuse_idle(spec, values)
    merged = {**spec.options, **values}
    return spec.build(**{ATTRIBUTES.get(option, option): merged[option] for option in merged})


def _checked(spec: ModelSpec, option: str, value: Any) -> Any:
    """`value` in the form the module wants."""
    if option == "dtype":
        return _float_dtype(value)
    if option in ("lowering", "members"):
        return value
    if option in CHOICES and value not in CHOICES[option]:
        raise unknown(option, value, CHOICES[option])
    default = spec.options[option]
    if isinstance(default, tuple):
        return _like_tuple(option, value, default)
    value = _like_number(value, default)
    if type(value) is not type(default):
        raise UserError(f"{option} must be {_words(default)}, as {default!r}; got {value!r}")
    return _in_range(option, value)


def _like_number(value: Any, default: Any) -> Any:
    """A whole number where a float is due and the other way round, if nothing is lost."""
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(default) is int and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _like_tuple(option: str, value: Any, default: tuple) -> tuple:
    items = tuple(value) if isinstance(value, tuple | list) else (value,)
    fits = len(items) >= 1 if option in ANY_LENGTH else len(items) == len(default)
    if not fits or any(type(v) is not type(default[0]) for v in items):
        raise UserError(f"{option} must be {_words(default)}, as {default!r}; got {value!r}")
    return tuple(_in_range(option, item) for item in items)


def _in_range(option: str, value: Any) -> Any:
    if isinstance(value, str | bool):
        return value
    rate = option in RATES
    if not (0 <= value <= 1 if rate else 0 < value < 1e6):
        raise UserError(f"{option} must be {'in [0, 1]' if rate else 'positive'}; got {value!r}")
    return value


def _refuse_idle(spec: ModelSpec, given: Mapping[str, Any]) -> None:
    """Refuses an option that the other options leave without effect."""
    for option, (other, value) in spec.needs.items():
        if option in given and given.get(other, spec.options[other]) != value:
            raise UserError(
                f"{option} has no effect unless {other} is {value!r}\n"
                f"leave {option} out, or set {other}={value!r}"
            )


def _float_dtype(value: Any) -> Any:
    names = ("float32", "bfloat16", "float64")
    name = value if isinstance(value, str) else jnp.dtype(value).name
    if name not in names:
        raise unknown("dtype", name, names)
    return jnp.dtype(name)


def _words(default: Any) -> str:
    if isinstance(default, tuple):
        return f"{len(default)} values"
    return {bool: "True or False", float: "a number", int: "a whole number"}.get(
        type(default), "a name"
    )
