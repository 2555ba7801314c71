"""Trained weights of a run folder: where they lie, verified, by member and kind."""

import re
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar.checkpoints import snapshots
from jaxcifar.config.tree import from_dict
from jaxcifar.core.errors import UserError, unknown
from jaxcifar.core.types import Tree
from jaxcifar.optim import averaging
from jaxcifar.records import folder, formats


class Kept(NamedTuple):
    """A checkpoint that holds weights of one kind, its bytes verified."""

    path: Path
    kind: str  # under which name it holds them
    members: tuple[str, ...]  # whose rows they are
    finished: bool  # whether the run that wrote it is over
    configs: dict[str, Any]  # member of the run folder -> Config


def locate(workdir: Path, member: str, which: str) -> Kept:
    """Where the weights of a member's group are.

    Args and errors: as of `jaxcifar.evaluate.restore`.
    """
    configs = member_configs(workdir)
    if member not in configs:
        raise unknown("member", member, configs)
    groups = [group for group in folder.groups(workdir) if member in group.members]
    found = snapshots.find(groups[0].path / "checkpoints") if groups else None
    if found is None:
        raise UserError(f"member {member!r} of {workdir} has no checkpoint yet\ntrain it first")
    path, kind, within = found.folder, which, found.folder.parent
    averaged = [name for name in averaging.AVERAGES if snapshots.sealed(within / name)]
    if re.fullmatch(r"step:\d+", which):
        path, kind = snapshots.at_step(within, int(which[5:])), "last"
    elif which in averaged:
        path = within / which
    elif which not in ("best", "last"):
        raise unknown("kind of weights", which, ["best", "last", *averaged, "step:N"])
    if path != found.folder:
        snapshots.verify(path)
    return Kept(path, kind, groups[0].members, groups[0].finished, configs)


def read(kept: Kept) -> Tree:
    """The weights {"params", "batch_stats"} of a group: NumPy, leaves (M, ...)."""
    return snapshots.read_weights(kept.path)[kept.kind]


def member_configs(workdir: Path) -> dict[str, Any]:
    """Every member's config, by id. Raises: UserError: no run folder."""
    content = formats.read_json(workdir / "config.json")
    if content is None:
        raise UserError(f"{workdir} is no run folder: it has no config.json\ngive --workdir DIR")
    return {row["id"]: from_dict(row["config"]) for row in content["members"]}
