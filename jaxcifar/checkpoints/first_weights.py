"""First weights from another run: found, pinned to their bytes, checked, and read."""

import dataclasses
import hashlib
from collections.abc import Sequence

import jax

from jaxcifar import programs
from jaxcifar.checkpoints import snapshots, trained_weights
from jaxcifar.config import Config, DataConfig, Member, Source, Study, replace, source
from jaxcifar.config.population import MemberRun
from jaxcifar.core import files
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Plan, Tree
from jaxcifar.records import study_file

SPLIT = ("name", "n_train", "validation", "split_seed")


def pin(study: Study) -> Study:
    """The study with every `init_from` pinned to the bytes that are there now.

    Raises: UserError: no such weights, of a run that is not over, or other bytes than were pinned.
    """
    base = study.base
    if base.init_from is not None:
        base = replace(base, {"init_from": _pinned(base.init_from)})
    members = tuple(
        Member(member.id, {**member.overrides, "init_from": _pinned(member.overrides["init_from"])})
        if member.overrides.get("init_from") else member
        for member in study.members
    )  # fmt: skip
    return dataclasses.replace(study, base=base, members=members)


def _pinned(text: str) -> str:
    return _find(text)[0].text


def _found(members: Sequence[MemberRun]) -> dict[str, tuple[Source, trained_weights.Kept]]:
    """What the members' `init_from` name, each looked up and verified once."""
    return {
        text: _find(text) for text in dict.fromkeys(m.config.init_from for m in members) if text
    }


def _find(text: str) -> tuple[Source, trained_weights.Kept]:
    wanted = source(text)
    folder = files.given(wanted.folder)
    if not study_file.there(folder):
        raise UserError(
            f"init_from={wanted.text!r}: {folder.absolute()} is no run folder\n"
            f"if that run moved, give init_from=NEW_FOLDER:{wanted.member}:{wanted.which}\n"
            "(weights are known by their bytes: what began from them there continues from here)"
        )
    kept = trained_weights.locate(folder, wanted.member, wanted.which)
    if not kept.group.finished and not snapshots.for_good(kept.path):
        raise UserError(
            f"init_from={wanted.text!r}: that run is not over, and these weights will not stay\n"
            "train it to its end, or name a kept step with step:N\n"
            "(steps are kept with --config.checkpoint.keep_every='1 epoch')"
        )
    digest = hashlib.sha256((kept.path / snapshots.MANIFEST).read_bytes()).hexdigest()
    if wanted.digest not in (None, digest):
        raise UserError(
            f"init_from={wanted.text!r}: other weights are there now ({digest})\n"
            "restore that run, or train anew in another --workdir"
        )
    return wanted._replace(digest=digest), kept


def check(plan: Plan, members: Sequence[MemberRun]) -> None:
    """Make sure that first weights fit the network, and were not trained on its validation images.

    Raises: UserError: they do not.
    """
    found = _found(members)
    shapes = _shapes(programs.blank(plan, 0)[1]) if found else {}
    for wanted, kept in found.values():
        _check_shapes(wanted, _shapes(snapshots.weight_shapes(kept.path)[kept.kind]), shapes)
    for member in members:
        if member.config.init_from is not None:
            wanted, kept = found[member.config.init_from]
            _check_split(wanted, kept.configs[wanted.member].data, member.config)


def _check_shapes(
    wanted: Source, there: dict[str, tuple[int, ...]], here: dict[str, tuple[int, ...]]
) -> None:
    if differs := snapshots.first_difference(there, here):
        raise UserError(
            f"init_from={wanted.folder}:{wanted.member} is another network: {differs}\n"
            "start from a run of the same network, width and normalisation"
        )


def _check_split(wanted: Source, theirs: DataConfig, config: Config) -> None:
    there, here = ([getattr(data, name) for name in SPLIT] for data in (theirs, config.data))
    if config.select_on.startswith("validation") and there[0] == here[0] and there != here:
        raise UserError(
            f"init_from={wanted.folder}:{wanted.member} was trained on images that validate here\n"
            f"({', '.join(f'data.{name}' for name in SPLIT)} are {there} there, {here} here)\n"
            "split alike, or choose another select_on"
        )


def _shapes(tree: Tree) -> dict[str, tuple[int, ...]]:
    """Leaf names and one member's shapes."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {"/".join(key.key for key in path[1:]): tuple(leaf.shape[1:]) for path, leaf in leaves}


def read(members: Sequence[MemberRun]) -> dict[int, Tree]:
    """First weights {"params", "batch_stats"} by row, NumPy, for members that name a source."""
    found = _found(members)
    groups = {kept.place: kept for _, kept in found.values()}  # each is read once
    rows = {}
    for m, member in enumerate(members):
        if member.config.init_from is not None:
            wanted, kept = found[member.config.init_from]
            rows[m] = groups[kept.place].of(wanted.member)
    return rows
