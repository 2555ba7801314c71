"""From a study to its members: one resolved config each, a name, and an identity."""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import reduce
from operator import attrgetter, getitem
from typing import Any, NamedTuple

from jaxcifar.config.config import SEEDS, Config, flat, replace
from jaxcifar.config.first_weights import source
from jaxcifar.config.study import Study
from jaxcifar.config.tree import as_dict

# What cannot change a member's numbers: how it is kept, and where its data lies.
_WITHOUT_EFFECT = ("checkpoint", "deterministic", "data.dir")
# What is told better by the three seeds that follow from it, and by the data's fingerprint.
_TOLD_BETTER = ("seed", "data.name")
# Settings that came later: as they are by default, a run is what it was before there were any.
_IF_ASKED = (
    "eval.histograms", "eval.probes", "optim.decay",
    "probe.shift_every", "probe.activations_every", "probe",
)  # fmt: skip
_DEFAULT = Config()


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
    given = {name: getattr(config, name) for name in SEEDS}
    follow = {name: seed if value is None else value for name, value in given.items()}
    return replace(config, {"seed": seed, **follow})


def identity(config: Config, fingerprint: str) -> str:
    """SHA-256 over all that decides a member's numbers: its resolved config and its data."""
    tree = content(config)
    for path in (*_WITHOUT_EFFECT, *_TOLD_BETTER):
        _drop(tree, path)
    text = json.dumps({"config": tree, "data": fingerprint}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def effective(config: Config) -> dict[str, Any]:
    """`content` with the defaults of all that cannot change a member's numbers."""
    return content(replace(config, {path: attrgetter(path)(_DEFAULT) for path in _WITHOUT_EFFECT}))


def content(config: Config) -> dict[str, Any]:
    """`as_dict`, naming first weights by what they are and not by where they lie.

    Settings that came later are left out unless they are asked for: older runs are still the same.
    """
    found = None if config.init_from is None else source(config.init_from).content
    tree = as_dict(config) | {"init_from": found}
    if config.devices.per_shard:
        _drop(tree, "devices.member")
    else:  # where a run is computed, and not what
        _drop(tree, "devices")
    for path in _IF_ASKED:
        if attrgetter(path)(config) == attrgetter(path)(_DEFAULT):
            _drop(tree, path)
    return tree


def _drop(tree: dict[str, Any], path: str) -> None:
    *sections, name = path.split(".")
    del reduce(getitem, sections, tree)[name]
