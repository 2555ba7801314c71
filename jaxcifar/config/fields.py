"""What a field of a config may hold: its type, its range, spans of training."""

import numbers
import re
import types
import typing
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from jaxcifar.core.errors import UserError, unknown

WORDS = {float: "a number", int: "a whole number", bool: "True or False", str: "text"}
LARGEST = 2.0**128  # of float32's range, which ends just below
ABSTRACT = {float: numbers.Real, int: numbers.Integral}  # NumPy's count too


def require(holds: bool, name: str, value: object, allowed: str) -> None:
    """Raises: UserError: it does not hold; names the field, its value and what is allowed."""
    if not holds:
        raise UserError(f"{name}={value!r} is out of range\nallowed: {allowed}")


def check_types(part: Any, section: str = "") -> None:
    """Whether every field of a dataclass holds what its annotation says.

    Args:
        part: a config or a part of one.
        section: what stands before its fields' names, such as ``optim.``.

    Raises: UserError: one does not, or is not finite, or too large for the programs; names it, and
        what is expected or nearest.
    """
    part_type: Any = type(part)
    for name, hint in _hints(part_type).items():
        value = getattr(part, name)
        if _fits(hint, value):
            require(_counts(value), section + name, value, "numbers that 32 bits hold")
            continue
        arms = [arm for arm in (hint, *typing.get_args(hint)) if typing.get_origin(arm) is Literal]
        if arms and isinstance(value, str):
            raise unknown(section + name, value, typing.get_args(arms[0]))
        raise UserError(
            f"{section}{name}={value!r} is of the wrong type\nexpected: {expected(hint)}"
        )


@lru_cache
def _hints(part: type) -> Mapping[str, Any]:
    return typing.get_type_hints(part)


def _fits(hint: Any, value: Any) -> bool:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value in args
    if origin in (typing.Union, types.UnionType):
        return any(_fits(arm, value) for arm in args)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        arms = args[:1] * len(value) if args[1:] == (...,) else args
        return len(value) == len(arms) and all(map(_fits, arms, value))
    wanted = ABSTRACT.get(hint, hint)
    return isinstance(value, wanted) and (hint is bool or not isinstance(value, bool))


def _counts(value: Any) -> bool:
    """Whether the numbers are finite also as programs take them: int32 and float32."""
    if isinstance(value, tuple):
        return all(map(_counts, value))
    if not isinstance(value, numbers.Real):
        return True
    if isinstance(value, numbers.Integral):
        return abs(int(value)) < 2**31
    return abs(float(value)) < LARGEST


def expected(hint: Any) -> str:
    """A field's type in words: ``a number or None``, ``'none' or 'batch'``."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return " or ".join(repr(value) for value in args)
    if origin is tuple:
        return f"values separated by commas, each {expected(args[0])}"
    if args:
        return " or ".join(expected(arm) for arm in args)
    return WORDS.get(hint, "None")


class Duration(NamedTuple):
    """A positive span of training: a number of epochs (may be fractional) or of steps."""

    amount: float
    unit: Literal["epochs", "steps"]


def duration(text: str) -> Duration:
    """Parse ``"2"``, ``"0.5 epochs"`` or ``"50 steps"``; a bare number counts epochs.

    Raises: UserError: anything else, amounts that are not positive, a fraction of a step.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(epochs?|steps?|)\s*", text)
    unit: Literal["epochs", "steps"] = "steps" if found and found[2][:4] == "step" else "epochs"
    amount = float(found[1]) if found else 0.0
    if amount <= 0 or (unit == "steps" and amount != int(amount)):
        raise UserError(f"{text!r} is no span of training\nallowed: '2', '0.5 epochs', '50 steps'")
    return Duration(amount, unit)
