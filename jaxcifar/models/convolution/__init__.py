"""2-D convolution: its lowerings, and the committed table of which carries which case."""

from jaxcifar.models.convolution.choice import Case, committed_table, device_key, resolve
from jaxcifar.models.convolution.convolve import Passes, conv2d, passes, supports
from jaxcifar.models.convolution.lowerings import LOWERINGS, Geometry, output_size

__all__ = [
    "Case",
    "Geometry",
    "LOWERINGS",
    "Passes",
    "committed_table",
    "conv2d",
    "device_key",
    "output_size",
    "passes",
    "resolve",
    "supports",
]
