"""All that is compiled to train: one of each per Program."""

from jaxcifar.programs.answer_counts import Answers, tally
from jaxcifar.programs.mesh import gathered, host, mesh_of, over_members, place, replicate
from jaxcifar.programs.order import images_at, make_order, stream_of, take
from jaxcifar.programs.parts import (
    Parts,
    bind,
    bind_split,
    init_opt_state,
    param_dtype,
    record_dtypes,
)
from jaxcifar.programs.score_step import Sums, batch_statistics, score_batch
from jaxcifar.programs.segments import make_segment, span
from jaxcifar.programs.states import (
    blank,
    blank_state,
    choose,
    extend_average,
    first_weights,
    fresh_opt_state,
    init_state,
    weights,
)
from jaxcifar.programs.train_step import (
    direction_of_step,
    images_of_step,
    loss_fn,
    loss_of_step,
)

__all__ = [
    "Answers",
    "Parts",
    "Sums",
    "batch_statistics",
    "bind",
    "bind_split",
    "blank",
    "blank_state",
    "choose",
    "extend_average",
    "direction_of_step",
    "first_weights",
    "fresh_opt_state",
    "gathered",
    "host",
    "images_at",
    "images_of_step",
    "init_opt_state",
    "init_state",
    "loss_fn",
    "loss_of_step",
    "make_order",
    "make_segment",
    "mesh_of",
    "over_members",
    "param_dtype",
    "place",
    "record_dtypes",
    "replicate",
    "score_batch",
    "span",
    "stream_of",
    "take",
    "tally",
    "weights",
]
