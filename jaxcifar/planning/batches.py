"""Whether a stage's batches are large enough for its network."""

from functools import cache, partial

import jax

from jaxcifar import models
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Options, Phase, Program
from jaxcifar.models import counting


def require_statistics(phase: Phase) -> None:
    """Make sure that BatchNorm has more than one value a channel in every batch, the last, too.

    Raises: UserError: a batch of one image, and a BatchNorm over a map of one pixel.
    """
    program, visits = phase.program, phase.visits
    size = program.batch
    if all(part > 1 for part in _parts(program, visits)):
        return
    if program.batch_norm == "per_shard" and min(size, visits) > 1 and visits % size != 1:
        _refuse_part(program)
        return
    if not _trains_on_one_image(program.model, program.options):
        raise UserError(
            f"train.batch_size={size} leaves a batch of one of the {visits:,} images, and "
            f"{program.model!r} has BatchNorm over maps of one pixel\n"
            "the variance of that single value is 0, and so would be all that it gives\n"
            f"give {_remedy(size, visits)}"
        )


def _parts(program: Program, visits: int) -> list[int]:
    """Images by which BatchNorm normalises: in full batches, and in one that ends an epoch."""
    sizes = [size for size in (min(program.batch, visits), visits % program.batch) if size]
    split = program.data if program.batch_norm == "per_shard" else 1
    return [size if size % split else size // split for size in sizes]


def _refuse_part(program: Program) -> None:
    if not _trains_on_one_image(program.model, program.options):
        raise UserError(
            f"devices.data={program.data} leaves a batch parts of one image, and "
            f"{program.model!r} has BatchNorm over maps of one pixel\n"
            "give fewer --config.devices.data, or leave --config.devices.batch_norm out"
        )


@cache
def _trains_on_one_image(model: str, options: Options) -> bool:
    """Whether its layers can; only shapes are made. It is BatchNorm that may refuse."""
    made = models.make_model(model, lowering="library", **dict(options))
    apply = partial(made.apply, train=True, mutable=["batch_stats"])
    rngs = {"dropout": jax.random.key(0)}
    variables = counting.module_shapes(made)
    try:
        jax.eval_shape(partial(apply, rngs=rngs), variables, counting.one_image())
    except UserError:
        return False
    return True


def _remedy(size: int, visits: int) -> str:
    """A batch size near this one that leaves no single image."""
    others = (other for step in range(1, size) for other in (size - step, size + step))
    fits = (other for other in others if 1 < other and visits % other != 1)
    found = next(fits, None) if visits > 1 else None
    if found is None:
        return "more images" if visits == 1 else "--config.train.batch_size=2 or more"
    return f"--config.train.batch_size={found}, or other numbers of images"
