"""What was seen along the gradient, of a run or of any loss, and the file of a group's probes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray

FILE = "step_probes.npz"
_AT = "the weights minus size times the gradient"
UNITS = {
    "step": "probe: training steps taken before it; of weights that stay, the batch's number",
    "sizes": "size: step sizes along the gradient",
    "loss": "probe: loss of the minibatch in nats",
    "gradient_norm": "probe: L2 norm of its gradient over all parameters",
    "losses": f"probe, size: loss of the same minibatch at {_AT}, in nats",
    "distance": f"probe, size: L2 norm of the gradient's change from the weights to {_AT}",
    "cosine": f"probe, size: cosine of the angle between the gradients at the weights and at {_AT}",
    "smoothness": "probe: effective beta-smoothness, the largest distance over sizes * "
    "gradient_norm of all sizes, in nats per squared unit of weight",
}
"""Fields -> axes and what they are in; what is not finite is NaN."""

OF_SIZES = ("losses", "distance", "cosine")
SEEN = ("loss", "gradient_norm", *OF_SIZES)
"""The fields that are measured: at every step size, and all."""


class StepProbes(NamedTuple):
    """Probes along the gradient (after arXiv:1805.11604), float64; NaN = not finite there.

    P probes of K step sizes; `units` says what all is in.
    """

    step: Array  # (P,) int64
    sizes: Array  # (K,)
    loss: Array  # (P,) at the weights
    gradient_norm: Array  # (P,)
    losses: Array  # (P, K): variation of the loss
    distance: Array  # (P, K): gradient predictiveness
    cosine: Array  # (P, K) the same as an angle, in [-1, 1]
    smoothness: Array  # (P,) effective beta

    @property
    def units(self) -> dict[str, str]:
        """Field -> its axes, and what its numbers are in."""
        return dict(UNITS)


def with_smoothness(step: Any, sizes: Any, seen: Mapping[str, Array]) -> dict[str, Array]:
    """All fields of `StepProbes` from those that are measured; (..., P) and (..., P, K) arrays."""
    found = {name: np.asarray(seen[name], np.float64) for name in SEEN}
    fields = {name: np.where(np.isfinite(v), v, np.nan) for name, v in found.items()}
    sizes = np.asarray(sizes, np.float64)
    moved = sizes * fields["gradient_norm"][..., None]
    ratio = np.full(moved.shape, np.nan)
    np.divide(fields["distance"], moved, out=ratio, where=moved > 0)
    smoothness = ratio.max(axis=-1)
    return {"step": np.asarray(step, np.int64), "sizes": sizes, **fields, "smoothness": smoothness}


def of_member(table: Mapping[str, Array], row: int) -> StepProbes:
    """One member's probes from the arrays of a group's file."""
    shared = ("step", "sizes")
    found = StepProbes(
        **{name: table[name] if name in shared else table[name][row] for name in UNITS}
    )
    shape = (len(found.step), len(found.sizes))
    wrong = [name for name in OF_SIZES if getattr(found, name).shape != shape]
    if wrong:
        raise ValueError(f"{wrong[0]} is {getattr(found, wrong[0]).shape}, not {shape}")
    return found
