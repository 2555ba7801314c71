"""Studies: a base config and the members that differ from it."""

import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from jaxcifar.config.config import Config
from jaxcifar.config.fields import require
from jaxcifar.core.errors import UserError


class Member(NamedTuple):
    """One row of a study: its name and what it changes, by dotted path."""

    id: str
    overrides: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Study:
    """A base config and the members that differ from it, each trained with `seeds` seeds.

    Args:
        name: of the study; run folders and reports bear it.
        base: the config of every member, but for what it overrides.
        members: such as `sweep` makes; their ids must differ.
        seeds: how many each is trained with, from ``base.seed`` on: at least 1.
        variant: which of a study file's variants this is; a part of the run folder's name.

    Raises: UserError: no members, two of one id, or less than one seed.

    >>> base = replace(Config(), {"data.name": "synthetic", "model.name": "cnn"})
    >>> study = Study("mine", base, sweep({"optim.lr": (1e-3, 1e-2)}), seeds=3)
    """

    name: str
    base: Config
    members: tuple[Member, ...] = (Member("run", {}),)
    seeds: int = 1
    variant: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.base, Config):
            raise UserError(
                f"study {self.name!r}: its base is a {type(self.base).__name__}\n"
                "expected: a Config, such as replace(Config(), {'optim.lr': 0.1})"
            )
        for member in self.members:
            if not (isinstance(member, Member) and isinstance(member.overrides, Mapping)):
                raise UserError(
                    f"study {self.name!r}: {member!r} is no member\n"
                    "expected: Member('name', {'optim.lr': 0.1}), in a tuple"
                )
        whole = isinstance(self.seeds, numbers.Integral)
        require(whole and self.seeds >= 1, "seeds", self.seeds, "a whole number, at least 1")
        ids = [member.id for member in self.members]
        doubled = sorted({name for name in ids if ids.count(name) > 1})
        if not ids or doubled:
            raise UserError(f"study {self.name!r}: members need distinct ids, got {doubled or ids}")


def sweep(
    axes: Mapping[str, Sequence[Any]], name: Callable[[Mapping[str, Any]], str] | None = None
) -> tuple[Member, ...]:
    """Members for every combination of the axes' values, the last axis fastest.

    Args:
        axes: dotted path of a config's field -> the values that it takes.
        name: gives a member's id from what it overrides; None = as `default_id`.

    Returns: a member for each combination, for a `Study`.

    Raises: UserError, when a study of them is trained: a field or a value that there is not.

    >>> [m.id for m in sweep({"optim.lr": (0.1, 0.2)})]
    ['lr=0.1', 'lr=0.2']
    """
    rows = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return tuple(Member((name or default_id)(row), row) for row in rows)


def default_id(overrides: Mapping[str, Any]) -> str:
    """``lr=0.1,norm=batch``: the overrides by the last part of their paths; ``run`` if none."""
    parts = (f"{path.rpartition('.')[2]}={short(value, 'x')}" for path, value in overrides.items())
    return ",".join(parts) or "run"


def short(value: object, joint: str = ",") -> str:
    """A setting as briefly as it can be read back: ``0.001``, ``20``, ``hflip,crop``."""
    if isinstance(value, tuple | list):
        return joint.join(short(part, joint) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
