"""Trackers: a run's records shown elsewhere while it trains, in TensorBoard or Weights & Biases.

They are fed from the record files alone, after each save, on threads of their own: no number of a
run depends on them, and one that fails is switched off with a warning. A tracker is chosen by the
command's flag ``--tracker tensorboard,wandb``, never by a config.
"""

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from jaxcifar.core.errors import UserError, unknown
from jaxcifar.trackers import tensorboard, weights_and_biases
from jaxcifar.trackers.tracker import Tracked, Tracker
from jaxcifar.trackers.writer import Histogram, Subject, Writer

__all__ = ["TRACKERS", "Histogram", "Subject", "Tracked", "Writer", "named", "start"]


class Kind(NamedTuple):
    """A tracker that can be chosen."""

    package: str  # what must be installed
    check: Callable[[], None]  # raises UserError: the surroundings lack something else
    open: Callable[[Subject], Writer | None]


# To add one: a module with a `Writer`, and a row; the key names the package's extra, too.
TRACKERS: Mapping[str, Kind] = {
    "tensorboard": Kind("tensorboardX", lambda: None, tensorboard.EventFile),
    "wandb": Kind("wandb", weights_and_biases.check, weights_and_biases.open_run),
}


def named(text: str) -> tuple[str, ...]:
    """The names in ``tensorboard,wandb``, each once, checked by `check`."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    check(names)
    return names


def check(names: Sequence[str]) -> None:
    """Make sure before training that trackers can be used.

    Raises: UserError: an unknown name, a missing package with the command that installs it, or
        what else a tracker lacks.
    """
    for name in names:
        if name not in TRACKERS:
            raise unknown("tracker", name, TRACKERS)
        kind = TRACKERS[name]
        if importlib.util.find_spec(kind.package) is None:
            raise UserError(
                f"--tracker {name} needs the package {kind.package}, which is not installed\n"
                f"install it: python -m pip install 'jaxcifar[{name}]', in a checkout '.[{name}]'"
            )
        kind.check()


@contextmanager
def start(names: Sequence[str]) -> Iterator[Tracked]:
    """Trackers that run beside a training; they are closed at the end, however it ends.

    Raises: UserError: see `check`.
    """
    check(names)
    with ExitStack() as stack:
        started = [Tracker(name, TRACKERS[name].open) for name in names]
        for tracker in started:
            stack.callback(tracker.close)
        yield Tracked(started)
