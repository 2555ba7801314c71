"""What is known of the internal covariate shift of a network's layers."""

from typing import NamedTuple

import numpy as np

_SHIFT = "batch, layer: {} the layer's gradient before and after the earlier layers took the step"
UNITS = {
    "layers": "layer: the start of its parameters' paths, in the order they run",
    "gradient_norm": "batch, layer: L2 norm of the layer's gradient, in nats per unit of weight",
    "distance": _SHIFT.format("L2 distance between") + ", likewise; 0 of the first layer",
    "cosine": _SHIFT.format("cosine of the angle between") + "; NaN where one is 0",
}
"""Fields -> axes and what they are in; what is not finite is NaN."""


class Shift(NamedTuple):
    """Internal covariate shift as arXiv:1805.11604 measures it; P batches, L layers, float64."""

    layers: tuple[str, ...]
    gradient_norm: np.ndarray  # (P, L)
    distance: np.ndarray  # (P, L)
    cosine: np.ndarray  # (P, L)

    @property
    def units(self) -> dict[str, str]:
        """Field -> its axes, and what its numbers are in."""
        return dict(UNITS)
