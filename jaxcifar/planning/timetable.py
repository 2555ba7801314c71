"""When something besides training happens: the steps of evaluations, saves, kept checkpoints."""

from collections.abc import Sequence

from jaxcifar.config import Config, duration
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Events, Phase


def events(config: Config, phases: Sequence[Phase], mean_from: int | None = None) -> Events:
    """All events of a run with these phases; the weights' mean begins with epoch `mean_from`.

    Raises: UserError: a span shorter than a step.
    """
    return Events(
        evaluate=_due(config.eval.every, phases),
        average=_epoch_ends(phases, mean_from),
        save=_due(config.checkpoint.save_every, phases),
        keep=_due(config.checkpoint.keep_every, phases),
        probe=_before(config.probe.every, phases),
        shift=_before(config.probe.shift_every, phases),
        activations=_before(config.probe.activations_every, phases),
    )


def require_epoch_ends(due: Events, phase: Phase, every: str) -> None:
    """Make sure that reduce-on-plateau has something to follow, at each epoch's end.

    Raises: UserError: an epoch of the phase ends without an evaluation.
    """
    ends = range(phase.start + phase.steps_per_epoch, phase.stop + 1, phase.steps_per_epoch)
    missing = set(ends) - set(due.evaluate)
    if missing:
        raise UserError(
            f"plateau follows the validation loss of every epoch, but eval.every={every!r} "
            f"skips step {min(missing)}\ngive --config.eval.every='1 epoch' or a fraction of it"
        )


def step_at(phases: Sequence[Phase], epoch: float) -> int:
    """Steps taken when so many epochs of the run are over; fractions are rounded to a step."""
    phase = next(phase for phase in reversed(phases) if phase.epoch <= epoch)
    return round(phase.start + (epoch - phase.epoch) * phase.steps_per_epoch)


def _epoch_ends(phases: Sequence[Phase], first: int | None) -> tuple[int, ...]:
    """The last steps of all epochs from `first` on; none if that is None."""
    if first is None:
        return ()
    epochs = phases[-1].locate(phases[-1].stop)[0]
    return tuple(step_at(phases, epoch + 1) for epoch in range(first, epochs))


def _before(text: str | None, phases: Sequence[Phase]) -> tuple[int, ...]:
    """As `_due`, of what comes before a step: the first one, too, and none after the last."""
    return () if text is None else (0, *_due(text, phases)[:-1])


def _due(text: str | None, phases: Sequence[Phase]) -> tuple[int, ...]:
    """Steps at which something is due every so often, and at the end; none if not asked for."""
    if text is None:
        return ()
    amount, unit = duration(text)
    n_step, shortest = phases[-1].stop, min(phase.steps_per_epoch for phase in phases)
    if unit == "steps":
        return tuple(sorted({*range(int(amount), n_step, int(amount)), n_step}))
    if amount * shortest < 1:
        raise UserError(f"'{text}' is less than one step\nan epoch has {shortest} steps here")
    epochs = phases[-1].locate(n_step)[0]
    every = {step_at(phases, count * amount) for count in range(1, int(epochs / amount) + 1)}
    return tuple(sorted({step for step in every if step <= n_step} | {n_step}))
