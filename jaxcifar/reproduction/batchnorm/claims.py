"""What the two reports say about BatchNorm, and what of it a run measures."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxcifar.reproduction.batchnorm import measures, optimizers, probes, rates, shift, starts
from jaxcifar.reproduction.batchnorm.measures import View
from jaxcifar.reproduction.batchnorm.statement import (
    ENTRY,
    EPOCHS,
    NATS,
    PERCENT,
    POINTS,
    STEPS,
    Claim,
    higher,
    values,
)


def claims(reference: Mapping[str, Any]) -> tuple[Claim, ...]:
    """All statements of the two reports: those on its own runs' curves, then those on others'."""
    return (
        *_of_bands(reference), *starts.CLAIMS, *optimizers.CLAIMS, *rates.CLAIMS, *probes.CLAIMS,
        *shift.CLAIMS,
    )  # fmt: skip


def _of_bands(reference: Mapping[str, Any]) -> tuple[Claim, ...]:
    """What the study itself tells, R1 first."""
    r0, r1 = reference["R0"], reference["R1"]
    final, mean = r1["claimed"]["final_accuracy_at_0.001"], r1["mean_width"]
    early = {network: np.mean(r1["band_width"][network][:2]) for network in mean}
    spread = {network: np.ptp(values) / 100 for network, values in r1["final_accuracy"].items()}
    first = {network: r0["width_of_epoch_means"][network][0] for network in mean}
    return (
        *values("R1", "At learning rate 0.001 the network {} ends at {} % of the test set",
                _final, {network: value / 100 for network, value in final.items()}, PERCENT),
        higher("bn", "R1", "At learning rate 0.001 it ends higher with BatchNorm", _final,
               {network: value / 100 for network, value in final.items()}, POINTS),
        higher("plain", "R1", "The loss band is narrower with BatchNorm, mean over all steps",
               measures.mean_width, mean, NATS),
        *values("R1", "Mean width of the loss band {}", measures.mean_width, mean, NATS),
        higher("bn", "R1", "In its logs, against its text: wider with BatchNorm in epochs 1 and 2",
               _first_two_widths, early, NATS),
        higher("plain", "R1", "The loss explodes late without BatchNorm: steps above 1 nat after "
               "step 5,000", measures.spikes, r1["spikes"], STEPS),
        *values("R1", "Steps above 1 nat after step 5,000 {}", measures.spikes, r1["spikes"],
                STEPS),
        higher("plain", "R1", "The last layer's gradient has a smaller range with BatchNorm at "
               "the lowest rate, mean over epochs", _mean_gradient_range, None, ENTRY),
        higher("plain", "R1", "Less sensitive to the learning rate with BatchNorm: highest minus "
               "lowest final test accuracy of the rates", _spread_of_rates, spread, POINTS),
        *values("R0", "50 % of the test set by epoch {1} {0}, mean over the rates",
                _to_half, r0["claimed"]["epochs_to_50"], EPOCHS),
        higher("plain", "R0", "Smoother with BatchNorm: a narrower band of epoch means, mean over "
               "epochs", _mean_of_means, r0["mean_width"], NATS),
        *values("R0", "Mean width of the band of epoch means {}", _mean_of_means,
                r0["mean_width"], NATS),
        higher("bn", "R0", "In its logs, against its text: that band is wider with BatchNorm in "
               "epoch 1", _first_of_means, first, NATS),
    )  # fmt: skip


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
