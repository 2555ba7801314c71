"""Snapshots on disk, through Orbax (known to this file only), sealed by SHA-256 sums.

``<folder>/<step>/weights`` holds ``{"last": {"params", "batch_stats"}, "best": {...}}`` as plain
nested dictionaries, as they are scored; ``<folder>/<step>/rest`` what else a resumed run needs, and
``trained`` the parameters where "last" is an average that the optimizer keeps. ``<folder>/swa`` (or
``ema``) holds the averaged weights of a run that is over. Each is verified by its manifest before
anything is opened (`seals`): Orbax itself does not notice flipped bits.
"""

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from jaxcifar.checkpoints.disk_errors import as_os_errors
from jaxcifar.checkpoints.seals import MANIFEST, intact, seal, sealed, sums, verify
from jaxcifar.core import kill_points, processes
from jaxcifar.core.errors import IntegrityError, UserError
from jaxcifar.core.types import Cursor, Snapshot, Tree

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
    target = place(folder, cursor.step)
    if intact(target) == cursor:
        return target
    _empty(target)
    _write(target / "weights", {"last": last, "best": snapshot.best})
    if last["params"] is not trained["params"]:
        _write(target / "trained", {"params": trained["params"]})
    _write(target / "rest", _rest(snapshot))
    kill_points.reach("save")
    seal(target, cursor)
    return target


def _trained(snapshot: Snapshot) -> Tree:
    return {"params": snapshot.state.params, "batch_stats": snapshot.state.batch_stats}


def keep(folder: Path, snapshot: Snapshot, last: Tree | None = None) -> Path:
    """Write only the weights, for good, under ``kept/<step>``; `last` as for `save`.

    As with `save`, what is there already stays: others may have begun from its very bytes.
    """
    weights = _trained(snapshot) if last is None else last
    return _seal(place(folder / KEPT, snapshot.cursor.step), "last", weights, snapshot.cursor)


def keep_average(folder: Path, kind: str, weights: Tree, cursor: Cursor) -> Path:
    """Write averaged weights with statistics of their own, for good, under their kind."""
    return _seal(folder / kind, kind, weights, cursor)


def drop_averages(folder: Path, kinds: Iterable[str]) -> None:
    """Remove the averaged weights of a run that was over and now goes on."""
    for kind in kinds:
        if (folder / kind).exists():
            _remove(folder / kind)


def _seal(target: Path, kind: str, weights: Tree, cursor: Cursor) -> Path:
    if intact(target) == cursor:
        return target
    _write(_empty(target) / "weights", {kind: weights})
    kill_points.reach("keep")
    seal(target, cursor)
    return target


def for_good(path: Path) -> bool:
    """Whether a checkpoint stays while its run goes on."""
    return path.parent.name == KEPT


def place(folder: Path, step: int) -> Path:
    """Where the checkpoint of `step` steps lies, if there is one."""
    return folder / f"{step:08d}"


def steps(folder: Path) -> dict[int, Path]:
    """The checkpoints in a folder by their steps, sealed or not, oldest first."""
    named = (path for path in folder.glob("*") if re.fullmatch(r"\d{8,}", path.name))
    return dict(sorted((int(path.name), path) for path in named if path.is_dir()))


def prune(folder: Path, newest: int = 2) -> None:
    """Remove all but the newest sealed snapshots, and what interrupted saves left behind."""
    there = list(steps(folder).values())
    whole = [path for path in there if sealed(path)]
    for path in set(there) - set(whole[-newest:]):
        _remove(path)


def find(folder: Path) -> Found | None:
    """The newest checkpoint whose bytes are those that were written; None where there is none.

    Raises: IntegrityError: there are sealed checkpoints, and every one is damaged.
    """
    damaged: list[str] = []
    for path in reversed(steps(folder).values()):
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


def restore(found: Found, like: Snapshot) -> Snapshot:
    """Read a whole snapshot as NumPy arrays; `like` gives the tree's structure (shapes only).

    Raises: UserError: it is of another network, optimizer, precision or population; it names the
        first leaf that differs.
    """
    _require_alike(found.folder, like)
    weights = read_weights(found.folder)
    differs = any(name.startswith("trained/") for name in sums(found.folder))
    trained = _read(found.folder / "trained") if differs else {}
    with _orbax() as reader:
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


def _require_alike(path: Path, like: Snapshot) -> None:
    """Orbax would give whatever lies there. The Book may be of fewer steps than `like` has."""
    weights, rest = (_shapes(path / name) for name in ("weights", "rest"))
    there = {"last": weights["last"]["params"], "best": weights["best"], "state": rest["state"]}
    here = {"last": like.state.params, "best": like.best, "state": _rest(like)["state"]}
    if differs := first_difference(*map(_layout, (there, here))):
        raise UserError(
            f"{path} is of another run: {differs}\n"
            "continue with the network, optimizer, dtype and members that it was begun with,\n"
            "or give another --workdir"
        )


def first_difference(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """``conv/kernel is (2, 3) there, (2, 4) here`` of the first leaf by name; "" = all alike."""
    for name in sorted(there.keys() | here.keys()):
        one, other = there.get(name, "missing"), here.get(name, "missing")
        if one != other:
            return f"{name} is {one} there, {other} here"
    return ""


def _layout(tree: Tree) -> dict[str, str]:
    """Leaf names -> shape and dtype in words."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"):
            f"{tuple(leaf.shape)} {np.dtype(leaf.dtype)}"
        for path, leaf in leaves
    }  # fmt: skip


def read_weights(path: Path, *kinds: str) -> dict[str, Tree]:
    """The weight sets of a checkpoint as nested dictionaries of NumPy arrays (M, ...).

    Only those of `kinds` where any are named.
    """
    shapes = weight_shapes(path)
    wanted = {kind: shapes[kind] for kind in kinds or shapes}
    return {
        kind: {"batch_stats": {}} | tree for kind, tree in _read(path / "weights", wanted).items()
    }


def weight_shapes(path: Path) -> dict[str, Tree]:
    """The trees that `read_weights` would give, with leaves that have a shape only."""
    return _shapes(path / "weights")


def fates(path: Path) -> dict[str, np.ndarray]:
    """Of a checkpoint that `save` wrote: its members' "best_step" and "bad_step", (M,) integers.

    As in `core.types`: -1 = never; a member that met a non-finite number keeps its weights of then.
    """
    found = _read(path / "rest", {"state": {"bad_step": 0}, "book": {"best_step": 0}})
    return found["state"] | found["book"]


def at_step(folder: Path, step: int) -> Path:
    """The checkpoint of exactly `step` steps: the kept one, or else a newest one, while it stays.

    Raises: UserError: there is none; it lists those there are.
    """
    there = sealed_steps(folder)
    if step not in there:
        raise UserError(
            f"no checkpoint of step {step} in {folder}\n"
            f"there are: {', '.join(map(str, sorted(there))) or 'none'}; keep more with "
            "--config.checkpoint.keep_every='1 epoch'"
        )
    return there[step]


def sealed_steps(folder: Path) -> dict[int, Path]:
    """The sealed checkpoints in a folder by their steps; a kept one comes before a newest one."""
    found = (*steps(folder).items(), *steps(folder / KEPT).items())
    return dict(sorted(dict(row for row in found if sealed(row[1])).items()))


def _rest(snapshot: Snapshot) -> dict[str, Any]:
    state, book = snapshot.state, snapshot.book
    kept = {name: getattr(state, name) for name in ("opt_state", "average", "alive", "bad_step")}
    # Without what was not asked for as before there was any: older checkpoints stay readable.
    asked = ("histograms", "probes", "shift", "activations")
    noted = {name: part for name, part in book._asdict().items() if name not in asked or part}
    return {"state": kept, "book": noted}


def _orbax() -> ocp.Checkpointer:
    """Orbax for this process alone: who writes has it all, and waits for no other."""
    if processes.count() == 1:
        return ocp.PyTreeCheckpointer()
    me = processes.index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"process{me}"
    )
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=alone)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _write(path: Path, tree: Tree) -> None:
    with as_os_errors(path), _orbax() as writer:
        writer.save(path.absolute(), tree)


def _shapes(path: Path) -> dict[str, Any]:
    with _orbax() as reader:
        return reader.metadata(path.absolute()).item_metadata.tree


def _read(path: Path, wanted: Tree | None = None) -> dict[str, Any]:
    """Nested dictionaries as they were written; only the leaves that `wanted` has, if given."""
    target = _shapes(path) if wanted is None else wanted
    args = ocp.args.PyTreeRestore(target, restore_args=_as_numpy(target), partial_restore=True)
    with _orbax() as reader:
        return reader.restore(path.absolute(), args=args)


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
