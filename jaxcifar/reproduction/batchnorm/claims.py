"""What the two reports say about BatchNorm, and what of it a run measures."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.core.wording import Unit
from jaxcifar.data.dataset import N_TEST
from jaxcifar.reproduction.batchnorm import measures
from jaxcifar.reproduction.batchnorm.measures import View
from jaxcifar.reproduction.verdicts import FLOAT32, differences

Measure = Callable[[View], np.ndarray]  # one number a seed, NaN where there is none
OfNetwork = Callable[[View, str], np.ndarray]


class Claim(NamedTuple):
    """A statement of a report. Without a `measure` no run of the study can tell: `why` says it.

    `published` is what the report gives or its logs hold. With a `sign` it is shown and the sign
    is judged, else the value.
    """

    report: str
    text: str
    measure: Measure | None = None
    published: float | None = None
    sign: int = 0
    unit: Unit = Unit("", 2)
    why: str = ""

    @property
    def resolution(self) -> float:
        """The step in which its numbers come, see `verdicts`."""
        return RESOLUTION.get(self.unit, FLOAT32)


PERCENT, POINTS = Unit("%", 2, 100), Unit("points", 2, 100)
NATS, STEPS, EPOCHS, ENTRY = Unit("nats", 3), Unit("steps", 1), Unit("epochs", 1), Unit("", 4)
IMAGE = 1 / N_TEST  # step of a test accuracy
# An epoch: its mean over the rates comes in smaller steps, but equal rates round alike.
RESOLUTION = {PERCENT: IMAGE, POINTS: IMAGE, STEPS: 1.0, EPOCHS: 1.0}


def claims(reference: Mapping[str, Any]) -> tuple[Claim, ...]:
    """All statements of the two reports, R1 first; what none of these runs can tell comes last."""
    r0, r1 = reference["R0"], reference["R1"]
    final, mean = r1["claimed"]["final_accuracy_at_0.001"], r1["mean_width"]
    early = {network: np.mean(r1["band_width"][network][:2]) for network in mean}
    spread = {network: np.ptp(values) / 100 for network, values in r1["final_accuracy"].items()}
    first = {network: r0["width_of_epoch_means"][network][0] for network in mean}
    return (
        *_values("R1", "At learning rate 0.001 the network {} ends at {} % of the test set",
                 _final, {network: value / 100 for network, value in final.items()}, PERCENT),
        _higher("bn", "R1", "At learning rate 0.001 it ends higher with BatchNorm", _final,
                {network: value / 100 for network, value in final.items()}, POINTS),
        _higher("plain", "R1", "The loss band is narrower with BatchNorm, mean over all steps",
                measures.mean_width, mean, NATS),
        *_values("R1", "Mean width of the loss band {}", measures.mean_width, mean, NATS),
        _higher("bn", "R1", "In its logs, against its text: wider with BatchNorm in epochs 1 and 2",
                _first_two_widths, early, NATS),
        _higher("plain", "R1", "The loss explodes late without BatchNorm: steps above 1 nat after "
                "step 5,000", measures.spikes, r1["spikes"], STEPS),
        *_values("R1", "Steps above 1 nat after step 5,000 {}", measures.spikes, r1["spikes"],
                 STEPS),
        _higher("plain", "R1", "The last layer's gradient has a smaller range with BatchNorm at "
                "the lowest rate, mean over epochs", _mean_gradient_range, None, ENTRY),
        _higher("plain", "R1", "Less sensitive to the learning rate with BatchNorm: highest minus "
                "lowest final test accuracy of the rates", _spread_of_rates, spread, POINTS),
        *_values("R0", "50 % of the test set by epoch {1} {0}, mean over the rates",
                 _to_half, r0["claimed"]["epochs_to_50"], EPOCHS),
        _higher("plain", "R0", "Smoother with BatchNorm: a narrower band of epoch means, mean over "
                "epochs", _mean_of_means, r0["mean_width"], NATS),
        *_values("R0", "Mean width of the band of epoch means {}", _mean_of_means,
                 r0["mean_width"], NATS),
        _higher("bn", "R0", "In its logs, against its text: that band is wider with BatchNorm in "
                "epoch 1", _first_of_means, first, NATS),
        *_UNMEASURED,
    )  # fmt: skip


def _values(
    report: str, text: str, of: OfNetwork, published: Mapping[str, float], unit: Unit
) -> list[Claim]:
    """A claim for each network's value."""
    return [
        Claim(report, text.format(measures.NAMES[network], f"{value * unit.scale:g}"),
              _measure(of, network), value, unit=unit)
        for network, value in published.items()
    ]  # fmt: skip


def _measure(of: OfNetwork, network: str) -> Measure:
    return lambda view: of(view, network)


def _higher(
    network: str, report: str, text: str, of: OfNetwork, published: Mapping[str, float] | None,
    unit: Unit,
) -> Claim:  # fmt: skip
    """The claim that a network's number is the higher one: its difference from the other's."""
    other = next(name for name in measures.NETWORKS if name != network)
    words = "with minus without" if network == "bn" else "without minus with"
    value = published[network] - published[other] if published else None

    def measure(view: View) -> np.ndarray:
        return np.array(differences(list(of(view, network)), list(of(view, other))))

    return Claim(report, f"{text} ({words})", measure, value, 1, unit)


def _final(view: View, network: str, rate: float = 1e-3) -> np.ndarray:
    tested = measures.tested(view, network, "last")
    there = rate in view.rates
    return tested[:, view.rates.index(rate)] if there else np.full(view.seeds, np.nan)


def _spread_of_rates(view: View, network: str) -> np.ndarray:
    tested = measures.tested(view, network, "last")
    return tested.max(1) - tested.min(1)


def _first_two_widths(view: View, network: str) -> np.ndarray:
    widths = measures.widths(view, network)
    return widths[:, :2].mean(1) if widths.shape[1] > 1 else np.full(len(widths), np.nan)


def _mean_gradient_range(view: View, network: str) -> np.ndarray:
    lower, upper = measures.gradient_range(view, network)
    return (upper - lower).mean(1)


def _mean_of_means(view: View, network: str) -> np.ndarray:
    return measures.widths_of_means(view, network).mean(1)


def _first_of_means(view: View, network: str) -> np.ndarray:
    return measures.widths_of_means(view, network)[:, 0]


def _to_half(view: View, network: str) -> np.ndarray:
    """Mean over the rates; NaN where one of them never got there."""
    mean = measures.epochs_to(view, network, 0.5).mean(1)
    return np.where(np.isfinite(mean), mean, np.nan)


_UNMEASURED = (
    Claim("R1", "Less sensitive to the initialisation with BatchNorm",
          why="it takes both initialisations with five seeds each"),
    Claim("R1", "The loss without BatchNorm explodes because of Adam",
          why="it takes the same runs with SGD"),
    Claim("R0", "Larger learning rates without divergence with BatchNorm",
          why="it takes rates that double until a run diverges"),
    Claim("R0", "A lower Lipschitz constant with BatchNorm",
          why="it takes probes along the gradient, not bands over trainings"),
    Claim("R0, R1", "Less internal covariate shift with BatchNorm",
          why="it takes gradients before and after the update of earlier layers"),
)  # fmt: skip
