"""What is known of the internal covariate shift of a network's layers, and the file of a group."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

FILE = "covariate_shift.npz"
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

    @property
    def units(self) -> dict[str, str]:
        """Field -> its axes, and what its numbers are in."""
        return dict(UNITS)


def of_member(table: Mapping[str, np.ndarray], row: int) -> Shift:
    """One member's from the arrays of a group's file."""
    fields: dict[str, Any] = {name: table[name][row] for name in SEEN}
    found = Shift(tuple(map(str, table["layers"])), table["step"], **fields)
    shape = (len(found.step), len(found.layers))
    wrong = [name for name in SEEN if getattr(found, name).shape != shape]
    if wrong:
        raise ValueError(f"{wrong[0]} is {getattr(found, wrong[0]).shape}, not {shape}")
    return found
