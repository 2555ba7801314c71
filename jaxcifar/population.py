"""From a study to its members: one resolved config each, a name, and an identity."""

import dataclasses
import hashlib
import json
import typing
from collections.abc import Callable, Mapping
from functools import reduce
from operator import attrgetter, getitem
from typing import Any, NamedTuple

from jaxcifar.config import Config, Stage, Study, flat, replace, source

_SEEDS = ("init_seed", "order_seed", "augment_seed")
# What cannot change a member's numbers: how it is kept, and where its data lies.
_WITHOUT_EFFECT = ("checkpoint", "deterministic", "data.dir")
# What is told better by the three seeds that follow from it, and by the data's fingerprint.
_TOLD_BETTER = ("seed", "data.name")
# Records that may be asked for: unasked, a run is what it was before there were any.
_IF_ASKED = ("histograms", "probes")


class MemberRun(NamedTuple):
    """One member with one seed, ready to be planned."""

    id: str
    study_id: str
    seed: int
    overrides: Mapping[str, Any]
    config: Config
    identity: str


def expand(study: Study, fingerprint: Callable[[Config], str]) -> tuple[MemberRun, ...]:
    """All members with all seeds, seeds outermost; seed s of a study is `base.seed + s`.

    The first seed keeps the member's id, the others append ``.s1``, ``.s2``, ...: adding seeds
    renames nobody.
    """
    runs = []
    for index in range(study.seeds):
        for member in study.members:
            config = replace(study.base, member.overrides)
            config = seeded(config, config.seed + index)
            name = member.id if index == 0 else f"{member.id}.s{index}"
            digest = identity(config, fingerprint(config))
            changes = flat(member.overrides)
            runs.append(MemberRun(name, member.id, config.seed, changes, config, digest))
    return tuple(runs)


def seeded(config: Config, seed: int) -> Config:
    """`config` at another seed; the three separate seeds follow it unless they were given."""
    given = {name: getattr(config, name) for name in _SEEDS}
    follow = {name: seed if value is None else value for name, value in given.items()}
    return replace(config, {"seed": seed, **follow})


def identity(config: Config, fingerprint: str) -> str:
    """SHA-256 over all that decides a member's numbers: its resolved config and its data."""
    tree = content(config)
    for path in (*_WITHOUT_EFFECT, *_TOLD_BETTER):
        *sections, name = path.split(".")
        del reduce(getitem, sections, tree)[name]
    text = json.dumps({"config": tree, "data": fingerprint}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def effective(config: Config) -> dict[str, Any]:
    """`content` with the defaults of all that cannot change a member's numbers."""
    default = Config()
    return content(replace(config, {path: attrgetter(path)(default) for path in _WITHOUT_EFFECT}))


def content(config: Config) -> dict[str, Any]:
    """`as_dict`, naming first weights by what they are and not by where they lie.

    Records that nobody asked for are left out: runs from before they existed are still the same.
    """
    found = None if config.init_from is None else source(config.init_from).content
    tree = as_dict(config) | {"init_from": found}
    tree["eval"] = {k: v for k, v in tree["eval"].items() if v or k not in _IF_ASKED}
    return tree


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
