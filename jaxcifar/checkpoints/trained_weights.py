"""Trained weights of a run folder: where they lie, verified, whose they are, and who lost them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxcifar.checkpoints import fates, seals, snapshots
from jaxcifar.config import Config
from jaxcifar.config.population import MemberRun
from jaxcifar.config.tree import from_dict
from jaxcifar.core.errors import IntegrityError, UserError, unknown
from jaxcifar.core.types import Tree
from jaxcifar.optim import averaging
from jaxcifar.records import folder, formats, study_file


@dataclass(frozen=True)
class Kept:
    """A group's weights of one kind: the checkpoint that holds them, and whose rows they are."""

    path: Path
    kind: str  # under which name it holds them
    group: folder.GroupFolder
    runs: tuple[MemberRun, ...]  # whose rows they are
    which: str  # as they were asked for

    @property
    def place(self) -> tuple[Path, str]:
        """The same for the same weights."""
        return self.path, self.kind

    @property
    def members(self) -> tuple[str, ...]:
        """Ids of the members, by row."""
        return self.group.members

    @property
    def configs(self) -> dict[str, Config]:
        """Every member's config."""
        return {run.id: run.config for run in self.runs}

    @cached_property
    def lost(self) -> dict[str, str]:
        """Members that have no such weights -> why."""
        return fates.lost(self.group, self.path, self.which)

    @cached_property
    def weights(self) -> Tree:
        """{"params", "batch_stats"} of all members, NumPy, leaves (M, ...), read when asked for."""
        return snapshots.read_weights(self.path, self.kind)[self.kind]

    def of(self, member: str) -> Tree:
        """One member's weights, without a member axis. Raises: UserError: some are not finite."""
        row = self.members.index(member)
        found = jax.tree.map(lambda leaf: np.array(leaf[row]), self.weights)
        if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found)):
            raise UserError(
                f"weights of member {member!r} in {self.path} are not all finite numbers\n"
                "train it anew, at a lower learning rate"
            )
        return found


def locate(workdir: Path, member: str, which: str) -> Kept:
    """Where the weights of a member's group are; every byte of them is verified.

    Args and errors: as of `jaxcifar.evaluate.restore`.
    """
    kept = find(workdir, member, which)
    try:
        cursor = seals.verify(kept.path)
        if kept.path.name.isdecimal() and cursor.step != int(kept.path.name):
            raise IntegrityError(f"{kept.path} holds the checkpoint of step {cursor.step}")
    except IntegrityError as error:
        raise _instead(kept, error) from None
    if member in kept.lost:
        raise UserError(kept.lost[member])
    return kept


def find(workdir: Path, member: str, which: str) -> Kept:
    """As `locate`, but nothing of the checkpoint is read: no byte verified, no member refused."""
    group, runs = group_of(workdir, member)
    path, kind = _place(group, runs[0].config, member, which)
    return Kept(path, kind, group, runs, which)


def group_of(workdir: Path, member: str) -> tuple[folder.GroupFolder, tuple[MemberRun, ...]]:
    """The group of a run folder that trains a member, and its members in the order of their rows.

    Raises: UserError: no run folder, no such member, or one that no group has begun.
    """
    rows = study_file.members(workdir)
    if member not in rows:
        raise unknown("member", member, rows)
    group = next((group for group in folder.groups(workdir) if member in group.members), None)
    if group is None:
        raise UserError(f"member {member!r} of {workdir} has no checkpoint yet\ntrain it first")
    of_group = (rows[name] for name in group.members)
    runs = formats.read_file(workdir / study_file.NAME, lambda _: tuple(map(_run, of_group)))
    return group, runs


def _run(row: Mapping[str, Any]) -> MemberRun:
    told = {name: row[name] for name in MemberRun._fields}
    return MemberRun(**told | {"config": from_dict(row["config"])})


def _place(group: folder.GroupFolder, config: Config, member: str, which: str) -> tuple[Path, str]:
    """The checkpoint that alone can answer for these weights, and their name in it."""
    within = group.path / "checkpoints"
    averaged = [
        name for name in averaging.AVERAGES
        if seals.sealed(within / name) or (group.finished and name == config.average.name != "none")
    ]  # fmt: skip
    if re.fullmatch(r"step:\d+", which):
        return snapshots.at_step(within, int(which[5:])), "last"
    if which in averaged:
        return within / which, which
    if which not in ("best", "last"):
        raise unknown("kind of weights", which, ["best", "last", *averaged, "step:N"])
    if group.finished:
        return snapshots.place(within, _end(group)), which
    whole = [path for path in snapshots.steps(within).values() if seals.sealed(path)]
    if not whole:
        raise UserError(f"member {member!r} has no checkpoint in {within} yet\ntrain it first")
    return whole[-1], which


def _end(group: folder.GroupFolder) -> int:
    """The last step of a run that is over, whatever became of its checkpoint."""
    path = group.path / "metrics.jsonl"
    lines = formats.read_lines(path, needed=True)
    told = formats.read_file(path, lambda _: max(line["step"] for line in lines))
    return max(told, *snapshots.steps(group.path / "checkpoints"))


def _instead(kept: Kept, error: IntegrityError) -> IntegrityError:
    """The refusal of damaged weights: what is wrong, and what of the group is whole."""
    within = kept.group.path / "checkpoints"
    places = {f"step:{step}": path for step, path in snapshots.sealed_steps(within).items()}
    places |= {name: within / name for name in averaging.AVERAGES}
    whole = [name for name, path in places.items() if seals.intact(path) is not None]
    if not whole:
        return IntegrityError(
            f"every checkpoint in {within} is damaged: {error}\nrestore the folder from a copy"
        )
    return IntegrityError(
        f"{error}\n{kept.which!r} has no other bytes; whole are: {', '.join(whole)}\n"
        "ask for one of these, or restore the folder from a copy"
    )
