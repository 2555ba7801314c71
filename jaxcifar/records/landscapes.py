"""Files of the loss over lines and planes of weights, and of the directions that span them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.core.errors import UserError
from jaxcifar.records import study_file
from jaxcifar.records.formats import described, read_table, read_to_redo, write_table

KINDS = ("surface", "line", "interpolation", "trajectory")
FOLDER = "landscape"
"""Where a run folder keeps them."""

UNITS = {
    "a": "along the first direction; 1 = its whole length",
    "b": "along the second direction; 1 = its whole length",
    "loss": "a, b: mean loss in nats; NaN where it is not finite or not there yet",
    "accuracy": "a, b: share of right answers in [0, 1]; NaN as of the loss",
    "done": "a, b: whether the point was worked out",
    "path": "checkpoint, direction: where the weights of training lie in the plane",
    "steps": "checkpoint: training steps taken",
    "explained": "direction: share of the variance of the weights along the path",
}
"""Fields -> axes and what they are in, as the files tell it themselves."""


OWN = ("name", "identity", "network", "batchnorm", "cosine")
"""What a landscape tells of its member alone: all else was asked of those it is compared with."""


class Landscape(NamedTuple):
    """The loss over a line (A,) or a plane (A, B) of weights; `units` says what all is in."""

    kind: str  # of KINDS
    a: np.ndarray  # (A,) float64
    b: Any  # (B,) float64; None = a line
    loss: np.ndarray  # (A,) or (A, B) float64 nats, NaN = not finite there
    accuracy: np.ndarray | None  # alike, in [0, 1]; None = nobody counted answers
    about: Mapping[str, Any]  # whose it is, on what it was measured, along what
    path: Any = None  # (n, 2) float64: checkpoints of training in the plane; None = no trajectory
    steps: Any = None  # (n,) int64
    explained: Any = None  # (2,) shares of variance in [0, 1]

    @property
    def holes(self) -> int:
        """Points whose loss is not finite."""
        return int((~np.isfinite(self.loss)).sum())

    @property
    def units(self) -> dict[str, str]:
        """Field -> its axes, and what its numbers are in."""
        there = {name: value for name, value in self._asdict().items() if value is not None}
        return {name: UNITS[name] for name in UNITS if name in there}


def group_name(found: Landscape) -> str:
    """``surface-1a2b3c4d``: the same for all landscapes of which the same was asked."""
    asked = {name: value for name, value in found.about.items() if name not in OWN}
    text = json.dumps({"kind": found.kind} | asked, sort_keys=True)
    return f"{found.kind}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def file_name(found: Landscape) -> str:
    """``surface-1a2b3c4d-<member>.npz``."""
    return f"{group_name(found)}-{in_file_names(str(found.about['name']))}.npz"


def in_file_names(name: str) -> str:
    """A member's name with ``_`` for what not every disk takes."""
    return "".join(c if c.isalnum() or c in "._=-" else "_" for c in name)


def compared(workdir: Path) -> dict[str, list[Landscape]]:
    """The landscapes of a run folder that are worked out, by `group_name`, in the study's order.

    Raises: UserError: no run folder, or a damaged record.
    """
    order = {name: place for place, name in enumerate(study_file.members(workdir))}
    paths = (path for kind in KINDS for path in sorted((workdir / FOLDER).glob(f"{kind}-*.npz")))
    whole = [found for found, _, done in map(read, paths) if done.all()]
    whole.sort(key=lambda found: order.get(found.about["name"], len(order)))
    groups: dict[str, list[Landscape]] = {}
    for found in whole:
        groups.setdefault(group_name(found), []).append(found)
    return groups


def write(path: Path, found: Landscape, asked: Mapping[str, Any], done: np.ndarray) -> None:
    """Replace a landscape's file.

    Args:
        path: of an .npz file.
        found: what is known so far.
        asked: all that decides its numbers: who asks for the same may go on with the file.
        done: bool, of the loss's shape.
    """
    parts = {name: value for name, value in found._asdict().items() if value is not None}
    told = {name: json.dumps(parts.pop(name)) for name in ("kind", "about")}
    table = described(
        [str(found.about["name"])], {**told, "asked": json.dumps(asked, sort_keys=True)},
        found.units | {"done": UNITS["done"]}, parts | {"done": done},
    )  # fmt: skip
    write_table(path, table)


def read(path: Path) -> tuple[Landscape, dict[str, Any], np.ndarray]:
    """A landscape as far as it is worked out, what was asked, and which points are done.

    Raises: UserError: no such file, or one that is damaged or something else.
    """

    def parts(path: Path) -> tuple[Landscape, dict[str, Any], np.ndarray]:
        table = read_table(path, needed=True)
        told = {name: json.loads(str(table[name])) for name in ("kind", "about", "asked")}
        fields = {name: table.get(name) for name in Landscape._fields if name not in told}
        found = Landscape(**fields, kind=told["kind"], about=told["about"])  # type: ignore[arg-type]
        shape = tuple(len(axis) for axis in (found.a, found.b) if axis is not None)
        if found.loss.shape != shape or table["done"].shape != shape:
            raise ValueError(f"losses are {found.loss.shape} on axes of {shape}")
        return found, told["asked"], table["done"]

    return read_to_redo(path, parts)


def write_directions(
    path: Path, directions: Sequence[Mapping[str, Any]], about: Mapping[str, Any]
) -> None:
    """Write directions, arrays by their paths in a network, in the order given."""
    fields = {
        f"direction{at}:{name}": np.asarray(leaf)
        for at, direction in enumerate(directions) for name, leaf in direction.items()
    }  # fmt: skip
    units = {name: "as the weights of that name" for name in fields}
    head = {"count": len(directions), "about": json.dumps(dict(about))}
    write_table(path, described([], head, units, fields))


def read_directions(path: Path) -> list[dict[str, np.ndarray]]:
    """The directions of a file, arrays by their paths in a network.

    Raises: UserError: no such file, one that is damaged or holds no directions, or numbers in it
        that are not finite.
    """
    if not path.is_file():
        raise UserError(f"there is no file {path}\ngive one that --save-directions wrote")
    table = read_table(path)
    marks = [f"direction{at}:" for at in range(int(table.get("count", np.array(0))))]
    found = [
        {name.removeprefix(mark): leaf for name, leaf in table.items() if name.startswith(mark)}
        for mark in marks
    ]
    if not found or not all(found):
        raise UserError(f"{path} holds no directions\ngive one that --save-directions wrote")
    for leaf in (leaf for direction in found for leaf in direction.values()):
        if leaf.dtype.kind != "f" or not np.isfinite(leaf).all():
            raise UserError(f"{path} holds numbers that are not finite\nsave directions anew")
    return found
