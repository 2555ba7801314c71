"""A config as a tree of JSON values, and back."""

import dataclasses
import json
import typing
from collections.abc import Mapping
from typing import Any

from jaxcifar.config.config import Config, Stage


def as_dict(config: Config) -> dict[str, Any]:
    """A config as nested dictionaries of JSON values (tuples become lists)."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def differences(left: Mapping[str, Any], right: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted paths at which two nested dictionaries differ, each with both values."""
    found = []
    for name in sorted({*left, *right}):
        a, b = left.get(name), right.get(name)
        if isinstance(a, dict) and isinstance(b, dict):
            found += differences(a, b, f"{prefix}{name}.")
        elif a != b:
            found.append(f"{prefix}{name}: {a!r} there, {b!r} here")
    return found


def from_dict(tree: Mapping[str, Any], cls: Any = Config) -> Any:
    """The config whose `as_dict` is `tree`. Raises: UserError: values out of range."""
    hints = typing.get_type_hints(cls)
    values = {}
    for name, value in tree.items():
        if dataclasses.is_dataclass(hints[name]):
            value = from_dict(value, hints[name])
        if hints[name] == tuple[Stage, ...]:
            value = [Stage(at, {k: _frozen(v) for k, v in row.items()}) for at, row in value]
        values[name] = _frozen(value)
    return cls(**values)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
