"""The stages of a run: the config in force in each, its epochs, and its schedule's clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from jaxcifar.config.config import Config, Stage, replace
from jaxcifar.core.errors import UserError

# What tells the images apart from how they are augmented: the same in all stages.
IMAGES = ("name", "dir", "normalisation", "validation", "split_seed", "n_train", "n_test")


class Stretch(NamedTuple):
    """A stage of one member; epochs are counted from 0 over the whole run."""

    config: Config  # in force, without stages of its own
    first: int  # its first epoch
    stop: int  # the epoch after its last
    clock: tuple[int, int]  # [first, stop) epochs of the schedule in force


def epoch_at(fraction: float, epochs: int) -> int:
    """``int(fraction * epochs)``, 0.29 * 100 being 29 whatever binary fractions make of it."""
    return int(fraction * epochs + 1e-9)


@contextmanager
def told_of(config: Config, index: int) -> Iterator[None]:
    """Within it, errors name the stage: of several, the first is what comes before ``stages.0``."""
    try:
        yield
    except UserError as error:
        where = f"stages.{index - 1}" if index else "before stages.0"
        raise UserError(f"{where}: {error}" if config.stages else str(error)) from None


def unfold(config: Config) -> tuple[Stretch, ...]:
    """The stages of a run in order; one that covers it all where none is given.

    A stage that names a learning rate or anything of the schedule begins the schedule anew, at its
    own rate, for its own epochs; else the one in force goes on without a jump.

    Raises: UserError: a stage without an epoch of its own, or that changes what must not change.
    """
    epochs = config.train.epochs
    starts = [0, *(epoch_at(stage.at, epochs) for stage in config.stages), epochs]
    configs, restarts = [replace(config, {"stages": ()})], [0]
    for index, stage in enumerate(config.stages):
        _check(index, stage, starts, epochs)
        with told_of(config, index + 1):
            configs.append(replace(configs[-1], stage.changes))
        if any(path == "optim.lr" or path.startswith("schedule.") for path in stage.changes):
            restarts.append(index + 1)
    stretches = []
    for index, now in enumerate(configs):
        begun = max(at for at in restarts if at <= index)
        ends = min([at for at in restarts if at > index] or [len(configs)])
        clock = (starts[begun], starts[ends])
        stretches.append(Stretch(now, starts[index], starts[index + 1], clock))
    return tuple(stretches)


def _check(index: int, stage: Stage, starts: list[int], epochs: int) -> None:
    before, first = starts[index], starts[index + 1]
    if not before < first < epochs:
        raise UserError(
            f"stages.{index}.at={stage.at!r} of {epochs} epochs is epoch {first}: it leaves no "
            f"epoch to one of the stages\nallowed: fractions that give epochs {before + 1}"
            f"..{epochs - 1}"
        )
    for path in stage.changes:
        if not _changeable(path):
            raise UserError(
                f"stages.{index} cannot change {path}: the network, its images and what is "
                "measured stay\nit may change fields of optim, schedule and loss, how images are "
                "augmented, train.batch_size, dropout"
            )


def _changeable(path: str) -> bool:
    """Of the model, only traced numbers may change: see `resolution.resolve_stages`."""
    part, _, name = path.partition(".")
    if not name or part == "data":
        return bool(name) and name not in IMAGES
    return path == "train.batch_size" or part in ("optim", "schedule", "loss", "model")
