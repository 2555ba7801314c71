"""The figures of the page: our curves with their spread over seeds, beside the recorded ones."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar.core import drawing  # noqa: F401  # before Matplotlib

# isort: split
import numpy as np
from matplotlib.figure import Figure

from jaxcifar.core.wording import plural
from jaxcifar.figures import against_recorded, landscape
from jaxcifar.figures.curves import SPLITS
from jaxcifar.figures.style import save_small
from jaxcifar.report.blocks import Picture
from jaxcifar.reproduction.batchnorm import measures
from jaxcifar.reproduction.batchnorm.measures import NETWORKS, View
from jaxcifar.reproduction.batchnorm.tables import recorded_widths
from jaxcifar.reproduction.reference import Curve, curve

Report = Mapping[str, Any]


class Shown(NamedTuple):
    """A figure of the page before it is drawn."""

    name: str
    draw: Callable[[], Figure]
    caption: str


def draw(
    view: View, handle: str, report: Report, rates: Sequence[float], folder: Path
) -> list[Picture]:
    """Write a run's figures as PNG into ``FOLDER/bn/``; numbered by the page, not here."""
    seeds = f"{view.name}, {view.run.records.data}, {plural(view.seeds, 'seed')}."
    pictures = []
    for shown in _figures(view, handle, report, rates):
        path = save_small(shown.draw(), folder / "bn" / f"{view.slug}-{shown.name}.png")
        caption = f"{shown.caption} {seeds}"
        pictures.append(Picture(path, f"bn/{path.name}", "Figure", caption))
    return pictures


def _figures(view: View, handle: str, report: Report, rates: Sequence[float]) -> list[Shown]:
    records, source = view.run.records, f"{handle}'s own log, one run"
    same = view.rates == tuple(rates)

    def recorded(what: str) -> against_recorded.Recorded:
        return _by_series(view, lambda network: curve(report, what, network) if same else None)

    def epoch_means(field: str) -> against_recorded.Ours:
        return _ours(view, lambda network: measures.epoch_means(view, network, field))

    shown = [
        Shown("loss_band_steps", lambda: landscape.loss_band_steps(records),
              "Loss bands step by step."),
        Shown("loss_band_epochs",
              lambda: against_recorded.loss_bands(records, recorded("train_loss"), handle),
              "Loss bands of the epoch means, ours and the recorded ones of the same epochs."),
        Shown("band_width", lambda: _width(view, report, source, same),
              "Width of the loss bands by epoch."),
        Shown("train_loss",
              lambda: against_recorded.curves(
                  records, epoch_means("loss"), recorded("train_loss"), source,
                  "training loss, epoch mean (nats)", log=True),
              "Mean training loss of every learning rate by epoch."),
        Shown("accuracy", lambda: _accuracy(view, recorded("test_accuracy"), source),
              "Accuracy of every learning rate by epoch."),
    ]  # fmt: skip
    if records.has_steps("last_layer_grad_max"):
        shown.append(Shown("gradient_range", lambda: _gradient(view, report, source),
                           "Range of the last layer's gradient at the lowest rate."))  # fmt: skip
    if records.has_steps("first_conv_grad_norm") and "first_conv_gradient_norm" in report:
        shown.append(Shown(
            "first_conv",
            lambda: against_recorded.curves(
                records, epoch_means("first_conv_grad_norm"), recorded("first_conv_gradient_norm"),
                source, "gradient norm, first convolution",
            ),
            "L2 norm of the first convolution's gradient, epoch means.",
        ))  # fmt: skip
    return shown


def _ours(view: View, of: Callable[[str], np.ndarray]) -> dict[str, np.ndarray]:
    return {measures.series(view, network): of(network) for network in NETWORKS}


def _by_series(view: View, of: Callable[[str], Curve | None]) -> against_recorded.Recorded:
    """Recorded curves under the series' names, up to our last epoch."""
    last = max(measures.epoch_means(view, network, "loss").shape[2] for network in NETWORKS)
    found = {measures.series(view, network): of(network) for network in NETWORKS}
    short = {name: one.until(last) for name, one in found.items() if one is not None}
    return {name: (one.epochs, one.values) for name, one in short.items()}


def _width(view: View, report: Report, source: str, same: bool) -> Figure:
    of_means = "band_width" not in report
    measure = measures.widths_of_means if of_means else measures.widths
    recorded = _by_series(
        view, lambda network: recorded_widths(report, network, of_means) if same else None
    )
    what = "Width of the band of epoch means" if of_means else "Width: mean over an epoch's steps"
    ours = _ours(view, lambda network: measure(view, network))
    return against_recorded.widths(view.run.records, ours, recorded, source, what)


def _accuracy(view: View, recorded: against_recorded.Recorded, source: str) -> Figure:
    split = SPLITS.get(view.run.records.select_on, view.run.records.select_on)
    ours = _ours(view, lambda network: 100 * measures.evaluations(view, network, "val_accuracy"))
    what = f"Ours: accuracy on: {split}"
    what += "; recorded: test set" if recorded and split != "test set" else ""
    return against_recorded.curves(view.run.records, ours, recorded, source, "accuracy (%)", what)


def _gradient(view: View, report: Report, source: str) -> Figure:
    lower, upper = (
        _ours(view, lambda network, end=end: measures.gradient_range(view, network)[end])  # type: ignore[misc]
        for end in (0, 1)
    )
    recorded = _by_series(view, lambda network: curve(report, "last_layer_gradient_max", network))
    source = f"{source}, read off a plot"
    return against_recorded.gradient_range(view.run.records, lower, upper, recorded, source)
