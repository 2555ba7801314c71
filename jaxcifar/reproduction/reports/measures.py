"""What a published number corresponds to in a run's records: one number a member and seed.

NaN stands for what was not recorded, or not reached.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxcifar.core.wording import Unit
from jaxcifar.data.dataset import N_TEST, N_TRAIN
from jaxcifar.records import bands
from jaxcifar.report.run_records import setting
from jaxcifar.reproduction.reports import network_measures
from jaxcifar.reproduction.reports.runs import Trained
from jaxcifar.reproduction.verdicts import FLOAT32

Measure = Callable[[Trained, str, float | None], float]  # run, member with its seed, argument


PERCENT, POINTS = Unit("%", 2, 100), Unit("points", 2, 100)
NATS, EPOCHS, PLAIN, COUNT = Unit("nats", 4), Unit("epochs", 1), Unit("", 4), Unit("", 0)
IMAGE = 1 / N_TEST  # step of an accuracy on the test set; of one on fewer images it is larger
EPOCH = 1.0  # most plans evaluate once an epoch, none less often
SA_WEIGHT = 1 / 332  # one weight of CANet's six spatial attentions
CHANNEL = 1 / 512  # one channel of the widest layer whose dead ones are counted


def _tested(kind: str, field: str) -> Measure:
    def measure(trained: Trained, name: str, _: float | None) -> float:
        return _number(setting(trained.run.summary.get(name, {}), f"test.{kind}.{field}"))

    return measure


def curve(trained: Trained, name: str, field: str) -> np.ndarray:
    """A field of a member's evaluations, (E,); empty where nothing was recorded."""
    return trained.run.records.evaluations.get(name, {}).get(field, np.empty(0))


def _at(field: str) -> Measure:
    """The field after the epoch that the argument names, or after the last one."""

    def measure(trained: Trained, name: str, epoch: float | None) -> float:
        values, epochs = curve(trained, name, field), curve(trained, name, "epoch")
        if epoch is None:
            return _number(values[-1] if values.size else None)
        there = np.flatnonzero(np.isclose(epochs, epoch))
        return _number(values[there[0]] if there.size and values.size else None)

    return measure


def _extreme(field: str, pick: Callable[[np.ndarray], float], needs: str) -> Measure:
    """The best value of all epochs; of runs whose curve is on the images that it must be on."""

    def measure(trained: Trained, name: str, _: float | None) -> float:
        values = curve(trained, name, field)
        on = trained.run.settings("select_on")
        there = values[np.isfinite(values)]
        return float(pick(there)) if there.size and on == [needs] else np.nan

    return measure


def _epochs_to(trained: Trained, name: str, level: float | None) -> float:
    """Epoch of the first evaluation that reaches an accuracy; NaN for never."""
    accuracy, epochs = (curve(trained, name, field) for field in ("val_accuracy", "epoch"))
    return bands.epochs_to(accuracy, epochs, level or 0.0)


def _roughness(field: str) -> Measure:
    """Root mean square change of a curve from evaluation to evaluation, in its second half."""

    def measure(trained: Trained, name: str, _: float | None) -> float:
        values = curve(trained, name, field)
        changes = np.diff(values[len(values) // 2 :])
        return float(np.sqrt(np.mean(changes**2))) if changes.size > 1 else np.nan

    return measure


def _rise_after(trained: Trained, name: str, epoch: float | None) -> float:
    """Selection accuracy after the last epoch minus that after the given one."""
    last, then = (_at("val_accuracy")(trained, name, at) for at in (None, epoch))
    return last - then


def _rebound(trained: Trained, name: str, _: float | None) -> float:
    """How far the selection loss ends above its lowest value, nats."""
    values = curve(trained, name, "val_loss")
    return float(values[-1] - np.nanmin(values)) if np.isfinite(values).any() else np.nan


def _parameters(trained: Trained, name: str, _: float | None) -> float:
    return _number(trained.run.summary.get(name, {}).get("parameters"))


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


class MeasureRow(NamedTuple):
    """A measure, how it and a difference of two are shown, and what tables call it.

    `resolution` is the step in which its numbers come, 0 where they are exact (see `verdicts`).
    """

    of: Measure
    unit: Unit
    difference: Unit
    title: str
    resolution: float = FLOAT32


def _accuracy(of: Measure, title: str, resolution: float = IMAGE) -> MeasureRow:
    return MeasureRow(of, PERCENT, POINTS, title, resolution)


def _loss(of: Measure, title: str) -> MeasureRow:
    return MeasureRow(of, NATS, NATS, title)


def _plain(of: Measure, title: str, resolution: float = FLOAT32) -> MeasureRow:
    return MeasureRow(of, PLAIN, PLAIN, title, resolution)


MEASURES: dict[str, MeasureRow] = {
    "test_best": _accuracy(_tested("best", "accuracy"), "test accuracy, best weights"),
    "test_last": _accuracy(_tested("last", "accuracy"), "test accuracy, last weights"),
    "test_swa": _accuracy(_tested("swa", "accuracy"), "test accuracy, averaged weights"),
    "test_loss_best": _loss(_tested("best", "loss"), "test loss, best weights"),
    "test_loss_last": _loss(_tested("last", "loss"), "test loss, last weights"),
    "test_peak": _accuracy(_extreme("val_accuracy", np.max, "test"), "highest test accuracy"),
    "test_loss_peak": _loss(_extreme("val_loss", np.min, "test"), "lowest test loss"),
    "train_accuracy": _accuracy(_at("train_accuracy"), "running training accuracy", 1 / N_TRAIN),
    "train_loss": _loss(_at("train_loss"), "running training loss"),
    "val_accuracy": _accuracy(_at("val_accuracy"), "selection accuracy"),
    "val_loss": _loss(_at("val_loss"), "selection loss"),
    "rebound": _loss(_rebound, "selection loss above its lowest value"),
    "loss_roughness": _loss(_roughness("val_loss"), "change of the selection loss"),
    "roughness": MeasureRow(
        _roughness("val_accuracy"), POINTS, POINTS, "change of the selection accuracy", IMAGE
    ),
    "rise_after": MeasureRow(
        _rise_after, POINTS, POINTS, "later rise of the selection accuracy", IMAGE
    ),
    "epochs_to": MeasureRow(_epochs_to, EPOCHS, EPOCHS, "epochs to a selection accuracy", EPOCH),
    "parameters": MeasureRow(_parameters, COUNT, COUNT, "parameters", 0.0),
    "calibration_error": _accuracy(
        network_measures.calibration_error, "expected calibration error"
    ),
    "dead": _accuracy(network_measures.dead, "dead channels", CHANNEL),
    "rms_slope": _plain(network_measures.rms_slope, "growth of the outputs with depth"),
    "conv_centre": _plain(
        network_measures.conv_centre, "mean over deviation of convolution weights"
    ),
    "sa_share": _plain(
        network_measures.sa_share,
        "share of spatial-attention weights from -0.1 to 0.2, minus 1/2",
        SA_WEIGHT,
    ),
    "se_kurtosis": _plain(network_measures.se_kurtosis, "excess kurtosis of channel attention"),
    "unit_skewness": _plain(network_measures.unit_skewness, "skewness of unit transforms"),
    "unit_rank": _plain(network_measures.unit_rank, "effective rank of unit transforms, minus 1/2"),
}


AT_EPOCH = ("train_accuracy", "train_loss", "val_accuracy", "val_loss", "rise_after")


class Cell(NamedTuple):
    """A member of a config, and what is measured of it: a row of `MEASURES`, ``name@argument``.

    The argument of a measure in `AT_EPOCH` is an epoch, which the run must have evaluated.
    """

    config: str
    member: str
    measure: str = "test_best"

    @property
    def row(self) -> MeasureRow:
        """The measure's row."""
        return MEASURES[self.measure.partition("@")[0]]

    @property
    def argument(self) -> float | None:
        """What follows the measure's name; None where nothing does."""
        text = self.measure.partition("@")[2]
        return float(text) if text else None

    @property
    def epoch(self) -> float | None:
        """The epoch whose evaluation is looked up; None where none is named."""
        return self.argument if self.measure.partition("@")[0] in AT_EPOCH else None


def values(trained: Trained, cell: Cell) -> tuple[float, ...]:
    """A cell's numbers, one a seed in the order of the seeds."""
    return tuple(
        cell.row.of(trained, entry["id"], cell.argument) for entry in trained.entries(cell.member)
    )
