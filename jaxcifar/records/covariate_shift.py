"""What is known of the internal covariate shift of a network's layers, and its files.

One of a group, for what was seen in training; one for each of the weights looked at afterwards.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.records import of_weights
from jaxcifar.records.landscapes import FOLDER

FILE, KIND = "covariate_shift.npz", "shift"
_SHIFT = "probe, layer: {} the layer's gradient before and after the earlier layers took the step"
UNITS = {
    "layers": "layer: the start of its parameters' paths, in the order they run",
    "step": "probe: training steps taken before it; of weights that stay, the batch's number",
    "gradient_norm": "probe, layer: L2 norm of the layer's gradient, in nats per unit of weight",
    "distance": _SHIFT.format("L2 distance between") + ", likewise; 0 of the first layer",
    "cosine": _SHIFT.format("cosine of the angle between") + "; NaN where one is 0",
}
"""Fields -> axes and what they are in; what is not finite is NaN."""
SEEN = ("gradient_norm", "distance", "cosine")


class Shift(NamedTuple):
    """Internal covariate shift as arXiv:1805.11604 measures it; P probes, L layers, float64."""

    layers: tuple[str, ...]
    step: np.ndarray  # (P,) int64
    gradient_norm: np.ndarray  # (P, L)
    distance: np.ndarray  # (P, L)
    cosine: np.ndarray  # (P, L)
    about: Mapping[str, Any] = MappingProxyType({})  # whose it is, if not of a run's training

    @property
    def whole(self) -> bool:
        """Whether all batches that were asked for are there."""
        return len(self.step) == self.about.get("batches", len(self.step))

    @property
    def units(self) -> dict[str, str]:
        """Field -> its axes, and what its numbers are in."""
        return dict(UNITS)


def blank(layers: Sequence[str], about: Mapping[str, Any]) -> Shift:
    """Of no batch yet."""
    nothing = np.zeros((0, len(layers)))
    return Shift(tuple(layers), np.zeros(0, np.int64), nothing, nothing, nothing, about)


def extended(found: Shift, row: Mapping[str, Any]) -> Shift:
    """With one batch more, of which `row` has the fields of `SEEN`, (L,); holes are NaN."""
    more = {name: np.asarray(row[name], np.float64)[None] for name in SEEN}
    known = {name: np.where(np.isfinite(each), each, np.nan) for name, each in more.items()}
    fields: dict[str, Any] = {
        name: np.concatenate([getattr(found, name), each]) for name, each in known.items()
    }
    return found._replace(step=np.arange(len(found.step) + 1), **fields)


def of_member(table: Mapping[str, np.ndarray], row: int) -> Shift:
    """One member's from the arrays of a group's file."""
    fields: dict[str, Any] = {name: table[name][row] for name in SEEN}
    return _checked(Shift(tuple(map(str, table["layers"])), table["step"], **fields))


def _checked(found: Shift) -> Shift:
    shape = (len(found.step), len(found.layers))
    wrong = [name for name in SEEN if getattr(found, name).shape != shape]
    if wrong:
        raise ValueError(f"{wrong[0]} is {getattr(found, wrong[0]).shape}, not {shape}")
    return found


def group_name(found: Shift) -> str:
    """``shift-1a2b3c4d``: the same for all of which the same was asked, of whatever weights."""
    return of_weights.group_name(KIND, found)


def file_name(found: Shift) -> str:
    """``shift-1a2b3c4d-<member>.npz``: one for what was asked of these weights."""
    return of_weights.file_name(KIND, found)


def compared(workdir: Path) -> dict[str, list[Shift]]:
    """Those looked at after training that are worked out, see `of_weights.compared`.

    Raises: UserError: no run folder, or a damaged record.
    """
    paths = sorted((workdir / FOLDER).glob(f"{KIND}-*.npz"))
    return of_weights.compared(workdir, KIND, (read(path)[0] for path in paths))


def write(path: Path, found: Shift, asked: Mapping[str, Any]) -> None:
    """Replace a file of weights that stay.

    Args:
        path: of an .npz file.
        found: what is known so far.
        asked: all that decides its numbers: who asks for the same may go on with the file.
    """
    fields = {name: np.asarray(getattr(found, name)) for name in UNITS}
    of_weights.write(path, KIND, found, asked, UNITS, fields)


def read(path: Path) -> tuple[Shift, dict[str, Any]]:
    """What is known, and what was asked.

    Raises: UserError: no such file, or one that is damaged or something else.
    """
    return of_weights.read(path, KIND, UNITS, _made)


def _made(fields: dict[str, Any]) -> Shift:
    return _checked(Shift(**{**fields, "layers": tuple(map(str, fields["layers"]))}))
