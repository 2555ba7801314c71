"""A statement of a report about BatchNorm, and how runs measure it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.core.wording import Unit
from jaxcifar.data.dataset import N_TEST
from jaxcifar.reproduction.batchnorm.measures import NAMES, NETWORKS
from jaxcifar.reproduction.verdicts import FLOAT32, differences

Measure = Callable[[Any], np.ndarray]  # of a run: one number a seed, NaN where there is none
OfNetwork = Callable[[Any, str], np.ndarray]

PERCENT, POINTS = Unit("%", 2, 100), Unit("points", 2, 100)
NATS, STEPS, EPOCHS, ENTRY = Unit("nats", 3), Unit("steps", 1), Unit("epochs", 1), Unit("", 4)
DOUBLINGS, DECADES, COSINE = Unit("doublings", 1), Unit("decades", 3), Unit("cosine", 3)
IMAGE = 1 / N_TEST  # step of a test accuracy
# An epoch: its mean over the rates comes in smaller steps, but equal rates round alike.
RESOLUTION = {PERCENT: IMAGE, POINTS: IMAGE, STEPS: 1.0, EPOCHS: 1.0, DOUBLINGS: 1.0}


class Claim(NamedTuple):
    """A statement of a report, measured on runs of a `study`: the name of its config file.

    `published` is what the report gives or its logs hold. With a `sign` it is shown and the sign
    is judged, else the value.
    """

    report: str
    text: str
    measure: Measure
    published: float | None = None
    sign: int = 0
    unit: Unit = Unit("", 2)
    study: str = "bn"

    @property
    def resolution(self) -> float:
        """The step in which its numbers come, see `verdicts`."""
        return RESOLUTION.get(self.unit, FLOAT32)


def values(
    report: str, text: str, of: OfNetwork, published: Mapping[str, float], unit: Unit
) -> list[Claim]:
    """A claim for each network's value; `text` takes the network's name and the value."""
    return [
        Claim(report, text.format(NAMES[network], f"{value * unit.scale:g}"),
              _measure(of, network), value, unit=unit)
        for network, value in published.items()
    ]  # fmt: skip


def _measure(of: OfNetwork, network: str) -> Measure:
    return lambda run: of(run, network)


def higher(
    network: str, report: str, text: str, of: OfNetwork, published: Mapping[str, float] | None,
    unit: Unit, study: str = "bn",
) -> Claim:  # fmt: skip
    """The claim that a network's number is the higher one: its difference from the other's."""
    other = next(name for name in NETWORKS if name != network)
    words = "with minus without" if network == "bn" else "without minus with"
    value = published[network] - published[other] if published else None

    def measure(run: Any) -> np.ndarray:
        return np.array(differences(list(of(run, network)), list(of(run, other))))

    return Claim(report, f"{text} ({words})", measure, value, 1, unit, study)
