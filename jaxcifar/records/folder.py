"""A run folder: which study it belongs to, which groups it holds, and who may write in it."""

import errno
import fcntl
import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar.config import Config, Study, replace
from jaxcifar.config.population import MemberRun, effective, identity
from jaxcifar.config.tree import as_dict, differences
from jaxcifar.core import files
from jaxcifar.core.errors import UserError
from jaxcifar.records import formats, metrics, provenance, study_file

WRITTEN = (
    "config.json", "environment.json", "metrics.jsonl", "steps.npz", "summary.json", "groups",
    "figures", "tensorboard", "report.md", "report.html", "group.json", "checkpoints",
    "histograms.npz", "probes.npz", "step_probes.npz", "covariate_shift.npz", "activations.npz",
    "test.npz",
)  # fmt: skip
"""What a run writes in its folder, and in those of its groups."""


class GroupFolder(NamedTuple):
    """A group that a run folder already holds."""

    path: Path
    members: tuple[str, ...]
    numerics: Mapping[str, Any]
    software: Mapping[str, Any]  # that began it; empty in folders from before it was recorded

    @property
    def finished(self) -> bool:
        """Whether all its members are trained and scored."""
        return (self.path / "summary.json").exists()


def default_workdir(study: Study) -> Path:
    """``runs/<study>-<variant>-<hash8>``, hashed from what has an effect of the base config.

    Members may be added, and how the run is kept may change: the folder stays the same.
    """
    text = json.dumps(effective(study.base), sort_keys=True)
    words = [study.name, study.variant, hashlib.sha256(text.encode()).hexdigest()[:8]]
    return Path("runs") / "-".join(word for word in words if word)


def claim(
    workdir: Path, runs: Sequence[MemberRun], fingerprint: Callable[[Config], str]
) -> dict[str, int]:
    """Make sure that a folder is new or belongs to the study with these members.

    One that holds nothing of a run (a log, what a killed first write left) is new. One that holds
    more members, as of an added seed, is this study's, too: they stay as they are.

    Args:
        workdir: the folder.
        runs: the members asked for.
        fingerprint: of the images of a config.

    Returns: of members that were begun for fewer epochs, for how many; nothing is decided by it.
    Raises: UserError: it holds other members, members of the same name that differ, or that were
        begun for more epochs.
    """
    files.check_writable(workdir)
    if not study_file.there(workdir):
        if workdir.exists() and any(map(_of_a_run, workdir.iterdir())):
            raise UserError(
                f"{workdir} is no run folder, but holds what is of one\ngive another --workdir"
            )
        return {}
    there, here = study_file.members(workdir), {run.id: run for run in runs}
    both = [name for name in there if name in here]
    begun = {name: _begun_for(workdir, there[name], here[name], fingerprint) for name in both}
    shorter = {name: epochs for name, epochs in begun.items() if epochs is not None}
    others = sorted(there.keys() - here.keys())
    if others and (shorter or here.keys() - there.keys()):
        raise UserError(
            f"{workdir} belongs to another study: it holds member {others[0]!r}, this one does "
            "not\ngive all its members when you add some or train longer, or another --workdir"
        )
    return shorter


def _begun_for(
    workdir: Path, row: Mapping[str, Any], run: MemberRun, fingerprint: Callable[[Config], str]
) -> int | None:
    """The fewer epochs that a member was begun for; None where it is the very same."""
    if row["identity"] == run.identity:
        return None
    epochs, wanted = row["config"]["train"]["epochs"], run.config.train.epochs
    as_begun = replace(run.config, {"train.epochs": epochs})
    if identity(as_begun, fingerprint(run.config)) != row["identity"]:
        changed = differences(row["config"], as_dict(run.config))
        what = "; ".join(changed[:3]) or "its data has another fingerprint"
        raise UserError(
            f"{workdir} belongs to another study: member {run.id!r} differs ({what})\n"
            "give another --workdir"
        )
    if epochs > wanted:
        raise UserError(
            f"{workdir}: member {run.id!r} was begun for {epochs} epochs; after train.epochs="
            f"{wanted} it was another\ngive --config.train.epochs={epochs}, or another --workdir"
        )
    return int(epochs)


def _of_a_run(path: Path) -> bool:
    """Whether an entry of a folder is a run's or a group's, or such a folder itself."""
    if files.left_over(path):
        return False
    within = (path / "group.json", path / "groups")
    return path.name in WRITTEN or any(map(Path.exists, within))


def groups(workdir: Path) -> tuple[GroupFolder, ...]:
    """The groups begun in a run folder, in the order of their names."""
    paths = sorted((workdir / "groups").glob("*/group.json"))
    return tuple(formats.read_file(path, _group) for path in paths)


def _group(path: Path) -> GroupFolder:
    content = formats.read_json(path) or {}
    members, software = tuple(content["members"]), content.get("software", {})
    return GroupFolder(path.parent, members, content["numerics"], software)


def origins(workdir: Path) -> dict[str, dict[str, Any]]:
    """What each group that was begun was begun on, and by which code."""
    return {group.path.name: {**group.numerics, **group.software} for group in groups(workdir)}


def merge(workdir: Path) -> None:
    """Merge the groups' records into the run folder's, members in the study's order.

    Groups that end at the same time merge one after another: the last finds all of them.
    Of environment.json it renews what the groups tell of their origins. A folder that holds no
    groups, as one of copied records, stays as it is.
    """
    if not groups(workdir):
        return
    with _alone(workdir / "groups"):
        _merge(workdir)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait for others that are within, where the file system has locks for a folder."""
    place = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def _merge(workdir: Path) -> None:
    paths = [group.path for group in groups(workdir)]
    order = list(study_file.members(workdir))
    metrics.merge(workdir, order, paths)
    parts = [part for path in paths if (part := formats.read_json(path / "summary.json"))]
    if parts:
        members = {name: row for part in parts for name, row in part["members"].items()}
        ordered = {name: members[name] for name in order if name in members}
        rules = {k: v for k, v in parts[0].items() if all(part.get(k) == v for part in parts)}
        formats.write_json(workdir / "summary.json", rules | {"members": ordered})
    _merge_origins(workdir)


def _merge_origins(workdir: Path) -> None:
    path = workdir / "environment.json"
    environment = formats.read_json(path) or {}
    before = environment.get("groups", {})
    told = {name: before.get(name, {}) | row for name, row in origins(workdir).items()}
    if environment and told != before:
        formats.write_json(path, environment | {"groups": told})


def reopen(path: Path) -> None:
    """Take back what a group says of its end, as it goes on; that it is finished goes first."""
    for name in ("summary.json", "test.npz", "probes.npz"):
        (path / name).unlink(missing_ok=True)


def open_group(
    path: Path, members: Sequence[str], numerics: Mapping[str, Any], strict: bool
) -> str:
    """Create a group's folder, or check that it is continued on the same numerics.

    Returns: what there is to say about it, or "".
    Raises: UserError: `strict`, and what decides the bits (cores, lane, ...) is not what it was.
    """
    before = formats.read_json(path / "group.json")
    if before is None:
        content = {"members": list(members), "numerics": dict(numerics)}
        formats.write_json(path / "group.json", content | {"software": provenance.software()})
        return ""
    changed = "; ".join(_changes(before, numerics))
    if changed and strict:
        raise UserError(
            f"group {path.name} was begun on other numerics ({changed})\n"
            "its last bits would differ: continue where it was begun, or say that this is fine\n"
            "with --config.deterministic=False"
        )
    return f"group {path.name} continues on other numerics: {changed}" if changed else ""


def _changes(before: Mapping[str, Any], numerics: Mapping[str, Any]) -> list[str]:
    """What decides bits and is not what it was; of code, since which commit."""
    commit = (before.get("software", {}).get("commit") or "it was begun")[:12]
    return [
        f"the code of training has changed since {commit}" if line.startswith("code: ") else line
        for line in differences(before["numerics"], numerics)
    ]


def _unlocked(path: Path, error: OSError, holder: str) -> str:
    if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
        return (
            f"group {path.name} is being trained by another process ({holder})\n"
            "wait for it, or train another group with --only-group"
        )
    return (
        f"{path / 'lock'} cannot be locked: {error.strerror}\n"
        "two runs could write there at once, unnoticed\n"
        "give a --workdir on a file system with locks (flock), or mount this one with them"
    )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a group's lock: one process at a time trains it; the kernel frees it on any exit.

    The file tells who holds it, or held it last.

    Raises: UserError: another process holds it, or the file system knows no locks.
    """
    path.mkdir(parents=True, exist_ok=True)
    with (path / "lock").open("a+") as file:  # who holds it stays readable
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise UserError(_unlocked(path, error, file.read().strip())) from None
        file.truncate(0)
        file.write(f"{os.getpid()} on {platform.node()}\n")
        file.flush()
        yield


def require_there(path: Path) -> None:
    """Make sure that a group's folder was not taken away while it trains.

    Raises: UserError: it was; whatever is written there now would be no run.
    """
    if not (path / "group.json").exists():
        raise UserError(
            f"{path} is gone: it was removed or moved while its group was trained\n"
            "put it back, or train again; nothing was written since"
        )
