"""Snapshots on disk, through Orbax (known to this file only), sealed by SHA-256 sums.

``<folder>/<step>/weights`` holds ``{"last": {"params", "batch_stats"}, "best": {...}}`` as plain
nested dictionaries, as they are scored; ``<folder>/<step>/rest`` what else a resumed run needs, and
``trained`` the parameters where "last" is an average that the optimizer keeps. ``<folder>/swa`` (or
``ema``) holds the averaged weights of a run that is over. Each manifest is written last, so that a
folder without one is an interrupted save, and it is verified before anything is opened: Orbax
itself does not notice flipped bits.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxcifar.core import kill_points
from jaxcifar.core.errors import IntegrityError, UserError
from jaxcifar.core.files import write_atomically
from jaxcifar.core.types import Cursor, Snapshot, Tree

MANIFEST = "manifest.json"
KEPT = "kept"


class Found(NamedTuple):
    """A verified checkpoint."""

    folder: Path
    cursor: Cursor
    damaged: tuple[str, ...]  # newer ones that were passed over, each with its reason


def save(folder: Path, snapshot: Snapshot, last: Tree | None = None) -> Path:
    """Write a snapshot under `folder` and seal it; returns its folder.

    One that is there already, sealed at the same cursor, holds the same bits and stays. `last`:
    the weights that the state is scored with; None = those that it trains.
    """
    cursor, trained = snapshot.cursor, _trained(snapshot)
    last = trained if last is None else last
    target = folder / f"{cursor.step:08d}"
    if _holds(target, cursor):
        return target
    _empty(target)
    _write(target / "weights", {"last": last, "best": snapshot.best})
    if last["params"] is not trained["params"]:
        _write(target / "trained", {"params": trained["params"]})
    _write(target / "rest", _rest(snapshot))
    kill_points.reach("save")
    _seal(target, cursor)
    return target


def _holds(path: Path, cursor: Cursor) -> bool:
    try:
        return sealed(path) and verify(path) == cursor
    except IntegrityError:
        return False


def _trained(snapshot: Snapshot) -> Tree:
    return {"params": snapshot.state.params, "batch_stats": snapshot.state.batch_stats}


def keep(folder: Path, snapshot: Snapshot, last: Tree | None = None) -> Path:
    """Write only the weights, for good, under ``kept/<step>``; `last` as for `save`.

    As with `save`, what is there already stays: others may have begun from its very bytes.
    """
    weights = _trained(snapshot) if last is None else last
    return _keep(folder / KEPT / f"{snapshot.cursor.step:08d}", "last", weights, snapshot.cursor)


def keep_average(folder: Path, kind: str, weights: Tree, cursor: Cursor) -> Path:
    """Write averaged weights with statistics of their own, for good, under their kind."""
    return _keep(folder / kind, kind, weights, cursor)


def _keep(target: Path, kind: str, weights: Tree, cursor: Cursor) -> Path:
    if _holds(target, cursor):
        return target
    _write(_empty(target) / "weights", {kind: weights})
    kill_points.reach("keep")
    _seal(target, cursor)
    return target


def for_good(path: Path) -> bool:
    """Whether a checkpoint stays while its run goes on."""
    return path.parent.name == KEPT


def sealed(path: Path) -> bool:
    """Whether a checkpoint was written to its end."""
    return (path / MANIFEST).exists()


def prune(folder: Path, newest: int = 2) -> None:
    """Remove all but the newest sealed snapshots, and what interrupted saves left behind."""
    steps = [path for path in folder.glob("[0-9]*") if path.is_dir()]
    whole = sorted(path for path in steps if sealed(path))
    for path in set(steps) - set(whole[-newest:]):
        _remove(path)


def find(folder: Path) -> Found | None:
    """The newest checkpoint whose bytes are those that were written; None where there is none.

    Raises: IntegrityError: there are sealed checkpoints, and every one is damaged.
    """
    damaged: list[str] = []
    for path in sorted(folder.glob("[0-9]*"), reverse=True):
        if not sealed(path):
            continue
        try:
            return Found(path, verify(path), tuple(damaged))
        except IntegrityError as error:
            damaged.append(str(error))
    if damaged:
        raise IntegrityError(
            f"every checkpoint in {folder} is damaged: {damaged[0]}\n"
            "restore the folder from a copy, or remove it to train this group again"
        )
    return None


def verify(path: Path) -> Cursor:
    """Check every file of a checkpoint against its manifest; gives the cursor it stands at.

    Raises: IntegrityError: a file is missing, extra, or has other bytes; it names the file.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text())
        files, cursor = manifest["files"], Cursor(*manifest["cursor"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{path / MANIFEST} cannot be read ({error})") from None
    present = set(_files(path))
    for name in sorted(present ^ set(files)):
        state = "is not in the manifest" if name in present else "is missing"
        raise IntegrityError(f"{path / name} {state}")
    for name, digest in files.items():
        if _sha256(path / name) != digest:
            raise IntegrityError(f"{path / name} has other bytes than were written")
    return cursor


def restore(found: Found, like: Snapshot) -> Snapshot:
    """Read a whole snapshot as NumPy arrays; `like` gives the tree's structure (shapes only)."""
    weights = read_weights(found.folder)
    trained = _read(found.folder / "trained") if (found.folder / "trained").exists() else {}
    with ocp.PyTreeCheckpointer() as reader:
        target = _rest(like)
        rest = reader.restore(
            (found.folder / "rest").absolute(), item=target, restore_args=_as_numpy(target)
        )
    state = like.state._replace(
        params=trained.get("params", weights["last"]["params"]),
        batch_stats=weights["last"].get("batch_stats", {}),
        **rest["state"],
    )
    book = type(like.book)(**rest["book"])
    return Snapshot(state, weights["best"], book, found.cursor)


def read_weights(path: Path) -> dict[str, Tree]:
    """The weight sets of a checkpoint as nested dictionaries of NumPy arrays (M, ...)."""
    return {name: {"batch_stats": {}} | tree for name, tree in _read(path / "weights").items()}


def weight_shapes(path: Path) -> dict[str, Tree]:
    """The trees that `read_weights` would give, with leaves that have a shape only."""
    with ocp.PyTreeCheckpointer() as reader:
        tree: dict[str, Tree] = reader.metadata((path / "weights").absolute()).item_metadata.tree
        return tree


def at_step(folder: Path, step: int) -> Path:
    """The checkpoint of exactly `step` steps: the kept one, or else a newest one, while it stays.

    Raises: UserError: there is none; it lists those there are.
    """
    paths = [*folder.glob("[0-9]*"), *folder.glob(f"{KEPT}/[0-9]*")]
    there = {int(path.name): path for path in paths if sealed(path)}
    if step not in there:
        raise UserError(
            f"no checkpoint of step {step} in {folder}\n"
            f"there are: {', '.join(map(str, sorted(there))) or 'none'}; keep more with "
            "--config.checkpoint.keep_every='1 epoch'"
        )
    return there[step]


def _rest(snapshot: Snapshot) -> dict[str, Any]:
    state, book = snapshot.state, snapshot.book
    kept = {name: getattr(state, name) for name in ("opt_state", "average", "alive", "bad_step")}
    # Without histograms as before there were any: older checkpoints stay readable.
    noted = {name: part for name, part in book._asdict().items() if name != "histograms" or part}
    return {"state": kept, "book": noted}


def _write(path: Path, tree: Tree) -> None:
    with ocp.PyTreeCheckpointer() as writer:
        writer.save(path.absolute(), tree)


def _read(path: Path) -> dict[str, Any]:
    """Nested dictionaries as they were written."""
    with ocp.PyTreeCheckpointer() as reader:
        tree = reader.metadata(path.absolute()).item_metadata.tree
        return reader.restore(path.absolute(), restore_args=_as_numpy(tree))


def _as_numpy(tree: Tree) -> Tree:
    return jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), tree)


def _empty(path: Path) -> Path:
    if path.exists():
        _remove(path)
    path.mkdir(parents=True)
    return path


def _remove(path: Path) -> None:
    """The manifest goes first: what is removed halfway is an interrupted save, not damage."""
    (path / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(path)


def _seal(path: Path, cursor: Cursor) -> None:
    files = {name: _sha256(path / name) for name in sorted(_files(path))}
    text = json.dumps({"cursor": list(cursor), "files": files}, indent=1)
    write_atomically(path / MANIFEST, text.encode())


def _files(path: Path) -> list[str]:
    names = (p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
    return [name for name in names if name != MANIFEST]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
