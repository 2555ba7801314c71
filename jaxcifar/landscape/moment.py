"""A moment of training, as probes see it."""

from typing import NamedTuple

import numpy as np

from jaxcifar.core.types import Images, Numbers, Program, Stream, TrainState


class Moment(NamedTuple):
    """A population before a step, and all that the step will be taken with; as of a segment."""

    program: Program
    state: TrainState
    numbers: Numbers
    rates: np.ndarray  # (M,) learning rates
    stream: Stream
    data: Images
    span: np.ndarray  # (3,)
