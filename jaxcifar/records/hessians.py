"""Files of the spectrum of a loss's second derivative (its Hessian) at some weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.records import of_weights
from jaxcifar.records.landscapes import FOLDER

KIND = "hessian"
UNITS = {
    "eigenvalues": "rank: the largest eigenvalues, falling, in nats per squared unit of weight",
    "residuals": "rank: |H v - eigenvalue v| of the unit vectors v found, as eigenvalues",
    "lowest": "(1,): the smallest eigenvalue seen on the way, as eigenvalues; and its residual",
    "lowest_residual": "(1,): as residuals",
    "steps": "(1,): Lanczos steps taken for the eigenvalues",
    "converged": "(1,): whether their residuals are within the tolerance",
    "trace_samples": "sample: v.H v of vectors v of random signs, as eigenvalues; mean = the trace",
    "nodes": "vector, node: values that stand for all eigenvalues, as eigenvalues",
    "weights": "vector, node: share of the eigenvalues that a node stands for; they add up to 1",
    "parameters": "(): rows of the matrix",
}
"""Fields -> axes and what they are in, as the files tell it themselves."""


class Hessian(NamedTuple):
    """What is known of a loss's Hessian; what was not asked for, or is to come, is empty.

    Eigenvalues are in nats per squared unit of weight; all arrays are float64.
    """

    parameters: int
    about: Mapping[str, Any]  # whose it is, on what it was measured, and how
    eigenvalues: np.ndarray = np.zeros(0)  # (k,) falling
    residuals: np.ndarray = np.zeros(0)  # (k,)
    lowest: np.ndarray = np.zeros(0)  # (1,)
    lowest_residual: np.ndarray = np.zeros(0)  # (1,)
    steps: np.ndarray = np.zeros(0, np.int64)  # (1,)
    converged: np.ndarray = np.zeros(0, bool)  # (1,)
    trace_samples: np.ndarray = np.zeros(0)  # (s,)
    nodes: np.ndarray = np.zeros((0, 0))  # (d, m) rising in each row
    weights: np.ndarray = np.zeros((0, 0))  # (d, m)

    @property
    def kind(self) -> str:
        """What files call it."""
        return KIND

    @property
    def trace(self) -> float:
        """Sum of all eigenvalues (Hutchinson's estimate); NaN where it was not asked for."""
        return float(self.trace_samples.mean()) if self.trace_samples.size else float("nan")

    @property
    def trace_error(self) -> float:
        """Standard error of `trace`; NaN of fewer than two samples."""
        n = len(self.trace_samples)
        return float(self.trace_samples.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")

    @property
    def whole(self) -> bool:
        """Whether all that was asked is there."""
        return (
            bool(len(self.eigenvalues)) == bool(self.about["top"])
            and len(self.trace_samples) == self.about["trace"]
            and len(self.nodes) == self.about["density"]
        )

    @property
    def units(self) -> dict[str, str]:
        """Field -> its axes, and what its numbers are in."""
        return UNITS


def density(found: Hessian, at: np.ndarray, width: float) -> np.ndarray:
    """Share of the eigenvalues per unit, each spread to a Gaussian, the mean over its vectors.

    Args:
        found: with nodes.
        at: (x,) where, as eigenvalues.
        width: standard deviation of the Gaussians, likewise.

    Returns: (x,) per unit of eigenvalue; it integrates to 1.
    """
    apart = (at[:, None, None] - found.nodes) / width
    bells = np.exp(-(apart**2) / 2) / (width * np.sqrt(2 * np.pi))
    return (bells * found.weights).sum(axis=2).mean(axis=1)


def group_name(found: Hessian) -> str:
    """``hessian-1a2b3c4d``: the same for all of which the same was asked, of whatever weights."""
    return of_weights.group_name(KIND, found)


def file_name(found: Hessian) -> str:
    """``hessian-1a2b3c4d-<member>.npz``: one for what was asked of these weights."""
    return of_weights.file_name(KIND, found)


def compared(workdir: Path) -> dict[str, list[Hessian]]:
    """The Hessians of a run folder that are worked out, see `of_weights.compared`.

    Raises: UserError: no run folder, or a damaged record.
    """
    paths = sorted((workdir / FOLDER).glob(f"{KIND}-*.npz"))
    return of_weights.compared(workdir, KIND, (read(path)[0] for path in paths))


def write(path: Path, found: Hessian, asked: Mapping[str, Any]) -> None:
    """Replace a file.

    Args:
        path: of an .npz file.
        found: what is known so far.
        asked: all that decides its numbers: who asks for the same may go on with the file.
    """
    fields = found._asdict()
    fields.pop("about")
    fields["parameters"] = np.array(found.parameters)
    of_weights.write(path, KIND, found, asked, UNITS, fields)


def read(path: Path) -> tuple[Hessian, dict[str, Any]]:
    """What is known, and what was asked.

    Raises: UserError: no such file, or one that is damaged or something else.
    """
    return of_weights.read(path, KIND, UNITS, _made)


def _made(fields: dict[str, Any]) -> Hessian:
    found = Hessian(**{**fields, "parameters": int(fields["parameters"])})
    if found.nodes.shape != found.weights.shape or found.nodes.ndim != 2:
        raise ValueError(f"weights are {found.weights.shape} of nodes {found.nodes.shape}")
    return found
