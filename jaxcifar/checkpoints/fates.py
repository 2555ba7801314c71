"""Which members of a group have no weights of a kind: lost to a divergence, or not there yet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar.checkpoints import snapshots
from jaxcifar.records import folder, formats


class Fate(NamedTuple):
    """What became of a member so far; steps are -1 where it never happened."""

    best_step: int  # of its best evaluation
    bad_step: int  # the step at which it met a number that is not finite
    unscored: frozenset[str] = frozenset()  # kinds of weights whose test loss is not finite


def lost(group: folder.GroupFolder, path: Path, which: str) -> dict[str, str]:
    """Members that have no `which` weights -> why, and what to do.

    Args:
        group: whose members are asked for.
        path: the checkpoint that would give them, verified.
        which: as of `jaxcifar.evaluate.restore`.

    Raises: UserError: damaged records. IntegrityError: no checkpoint tells of the members.
    """
    told = _told(group) if group.finished else _seen(group, path)
    return {name: said for name, fate in told.items() if (said := _refusal(name, fate, which))}


def _told(group: folder.GroupFolder) -> dict[str, Fate]:
    """By the summary of a run that is over."""
    path = group.path / "summary.json"
    content = formats.read_json(path) or {}
    return formats.read_file(path, lambda _: {
        name: _of_summary(content["members"][name]) for name in group.members
    })  # fmt: skip


def _of_summary(row: Mapping[str, Any]) -> Fate:
    best, bad = (-1 if row[name] is None else row[name] for name in ("best_step", "diverged_step"))
    unscored = (kind for kind, score in row["test"].items() if score["accuracy"] is None)
    return Fate(best, bad, frozenset(unscored))


def _seen(group: folder.GroupFolder, path: Path) -> dict[str, Fate]:
    """By the checkpoint itself, or by the newest one where it holds weights alone."""
    within = group.path / "checkpoints"
    if path not in snapshots.steps(within).values():
        found = snapshots.find(within)
        if found is None:
            return {}
        path = found.folder
    known = snapshots.fates(path)
    rows = zip(known["best_step"], known["bad_step"], strict=True)
    return {
        name: Fate(int(best), int(bad))
        for name, (best, bad) in zip(group.members, rows, strict=True)
    }


def _refusal(name: str, fate: Fate, which: str) -> str:
    said = f"member {name!r} has no {which!r} weights"
    best = f"ask for 'best', of step {fate.best_step}, or " if fate.best_step >= 0 else ""
    if which == "best":
        if fate.best_step < 0 <= fate.bad_step:
            return (
                f"{said}: it was lost at step {fate.bad_step}, before its first evaluation\n"
                "train it at a lower learning rate"
            )
        if fate.best_step < 0:
            return f"{said} yet: it was not evaluated so far\nask for 'last', or train on"
    elif 0 <= fate.bad_step < (int(which[5:]) if which.startswith("step:") else float("inf")):
        return (
            f"{said}: it was lost at step {fate.bad_step}, a loss or gradient was not finite\n"
            f"{best}train it at a lower learning rate"
        )
    if which in fate.unscored:
        return f"{said} of use: their test loss is not finite\ntrain it at a lower learning rate"
    return ""
