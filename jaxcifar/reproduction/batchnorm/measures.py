"""What the BatchNorm study measures, from a run's records: one number or curve a seed.

Arrays have a row a seed, then a row a learning rate (rising), then an entry an epoch from 1 on;
NaN stands for what was not recorded. "bn" is the network with BatchNorm, "plain" the one without.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxcifar.core.errors import UserError
from jaxcifar.records import bands
from jaxcifar.records.bands import Band
from jaxcifar.records.curves import Member, Records
from jaxcifar.report.run_records import Run, setting
from jaxcifar.report.statistics import SPIKES_ABOVE, SPIKES_AFTER

NETWORKS = {"bn": "batch", "plain": "none"}  # and the value of model.norm
NAMES = {"bn": "with BatchNorm", "plain": "without BatchNorm"}
Cells = dict[tuple[str, int, float], int]


class View(NamedTuple):
    """A run of the study, its members found by network, seed and learning rate."""

    run: Run
    cells: Cells  # (network, seed from 0, learning rate) -> row of the records

    @property
    def name(self) -> str:
        """The study's name and variant, and the compute type where it is not float32."""
        types = [name for name in self.run.settings("dtype") if name != "float32"]
        return " ".join([self.run.records.study, *(f"({name})" for name in types)])

    @property
    def slug(self) -> str:
        """The name as part of a file name."""
        return "".join(c if c.isalnum() else "-" for c in self.name).strip("-")

    @property
    def seeds(self) -> int:
        """Most seeds of any member."""
        return self.run.records.seeds

    @property
    def rates(self) -> tuple[float, ...]:
        """All learning rates, rising."""
        return self.run.records.learning_rates

    @property
    def lowest(self) -> float:
        """The lowest learning rate, which the gradient's range is reported at."""
        return self.rates[0]


def view(run: Run) -> View:
    """A run as the study's. Raises: UserError: it does not hold both networks."""
    run = run._replace(records=_same_epochs(run.records))
    members = {member.id: (row, member) for row, member in enumerate(run.records.members)}
    cells: Cells = {}
    for entry in run.entries:
        norm = setting(entry["config"], "model.norm")
        for network, value in NETWORKS.items():
            if norm == value and entry["id"] in members:
                row, member = members[entry["id"]]
                cells[network, member.replicate, member.lr] = row
    if missing := set(NETWORKS) - {network for network, *_ in cells}:
        raise UserError(
            f"{run.records.study} has no records of VGG-A {NAMES[missing.pop()]}\n"
            "train both networks (configs/bn.py), then make the page"
        )
    return View(run, cells)


def _same_epochs(records: Records) -> Records:
    """All members with as many steps an epoch as those that finished one; they share batches.

    Of a member in its first epoch the reader knows no better than that its steps are an epoch.
    """
    each = max(member.steps_per_epoch for member in records.members)
    members = tuple(member._replace(steps_per_epoch=each) for member in records.members)
    return records._replace(members=members)


def series(view: View, network: str) -> str:
    """The name under which the figures draw a network."""
    row = next(row for (name, *_), row in view.cells.items() if name == network)
    return view.run.records.members[row].series


def table(view: View, network: str, curve: Callable[[Member, int], np.ndarray]) -> np.ndarray:
    """Curves of all members of a network, (seeds, rates, longest)."""
    found = {
        (seed, view.rates.index(lr)): np.asarray(curve(view.run.records.members[row], row), float)
        for (name, seed, lr), row in view.cells.items()
        if name == network
    }
    longest = max(1, *(len(values) for values in found.values()))
    whole = np.full((view.seeds, len(view.rates), longest), np.nan)
    for place, values in found.items():
        whole[place][: len(values)] = values
    return whole


def epoch_means(view: View, network: str, field: str) -> np.ndarray:
    """Epoch means of a field of the steps, such as ``loss``; whole epochs only."""
    values = view.run.records.steps.get(field)

    def curve(member: Member, row: int) -> np.ndarray:
        if values is None:
            return np.empty(0)
        return bands.epoch_means(values[row, : member.length], member.steps_per_epoch)

    return table(view, network, curve)


def evaluations(view: View, network: str, field: str) -> np.ndarray:
    """A field of the evaluations at the end of each whole epoch, such as ``val_accuracy``."""

    def curve(member: Member, row: int) -> np.ndarray:
        rows = view.run.records.evaluations.get(member.id, {})
        epoch = rows.get("epoch", np.zeros(1))
        whole = (epoch % 1 == 0) & (epoch >= 1)
        values = np.full(int(epoch.max()), np.nan)
        if field in rows:
            values[epoch[whole].astype(int) - 1] = rows[field][whole]
        return values

    return table(view, network, curve)


def tested(view: View, network: str, weights: str) -> np.ndarray:
    """Accuracy (seeds, rates) of the ``last`` or ``best`` weights on the test set, in [0, 1]."""

    def curve(member: Member, row: int) -> np.ndarray:
        found = setting(view.run.summary.get(member.id), f"test.{weights}.accuracy")
        return np.array([np.nan if found is None else found])

    return table(view, network, curve)[..., 0]


def epochs_to(view: View, network: str, level: float) -> np.ndarray:
    """First epoch (seeds, rates) whose accuracy reaches `level`; infinite = none did."""
    accuracy = evaluations(view, network, "val_accuracy")
    reached = accuracy >= level
    first = np.where(reached.any(-1), reached.argmax(-1) + 1.0, np.inf)
    return np.where(np.isfinite(accuracy).any(-1), first, np.nan)


def band(view: View, network: str, seed: int) -> tuple[Band, int] | None:
    """The loss band of a seed's runs and its steps per epoch; None where one rate has no run."""
    records = view.run.records
    rows = [view.cells.get((network, seed, lr)) for lr in view.rates]
    there = [row for row in rows if row is not None]
    if len(there) < max(len(rows), 2):
        return None  # the envelope of fewer runs would be narrower
    length = min(records.members[row].length for row in there)
    each = records.members[there[0]].steps_per_epoch
    return bands.loss_band(records.steps["loss"][there, :length]), each


def _of_bands(view: View, network: str, number: Callable[[Band, int], np.ndarray]) -> np.ndarray:
    found = [band(view, network, seed) for seed in range(view.seeds)]
    rows = [np.atleast_1d(number(*one)) if one else np.empty(0) for one in found]
    whole = np.full((view.seeds, max(1, *map(len, rows))), np.nan)
    for seed, row in enumerate(rows):
        whole[seed, : len(row)] = row
    return whole


def widths(view: View, network: str) -> np.ndarray:
    """Mean width (seeds, epochs) of the band over an epoch's steps, in nats."""
    return _of_bands(view, network, bands.width_per_epoch)


def mean_width(view: View, network: str) -> np.ndarray:
    """Mean width (seeds,) of the band over all steps, in nats; NaN once a run is lost."""
    return _of_bands(view, network, lambda found, _: bands.width(found).mean())[:, 0]


def widths_of_means(view: View, network: str) -> np.ndarray:
    """Width (seeds, epochs) of the band of the epoch means, in nats; NaN once a run is lost."""
    means = epoch_means(view, network, "loss")
    return means.max(axis=1) - means.min(axis=1)


def spikes(view: View, network: str) -> np.ndarray:
    """Late steps (seeds,) with a run above 1 nat (see `bands.spikes`); NaN: ended before."""

    def number(found: Band, _: int) -> np.ndarray:
        late = len(found.mean) > SPIKES_AFTER + 1
        return np.array(bands.spikes(found, SPIKES_AFTER, SPIKES_ABOVE) if late else np.nan)

    return _of_bands(view, network, number)[:, 0]


def highest(view: View, network: str) -> np.ndarray:
    """The highest loss of any run and the 0-based step where it stands, (seeds, 2)."""

    def number(found: Band, _: int) -> np.ndarray:
        if not np.isfinite(found.upper).any():
            return np.full(2, np.nan)
        step = int(np.nanargmax(found.upper))
        return np.array([found.upper[step], step])

    return _of_bands(view, network, number)


def gradient_range(view: View, network: str) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest entry (seeds, epochs) of the last layer's gradient at the lowest rate.

    Epoch means of each step's extremes.
    """
    lower, upper = (
        epoch_means(view, network, f"last_layer_grad_{end}")[:, 0] for end in ("min", "max")
    )
    return lower, upper


def apart(view: View) -> np.ndarray:
    """Share (seeds, epochs) of an epoch's steps at which the two networks' bands do not meet."""
    rows = []
    for seed in range(view.seeds):
        found = [band(view, network, seed) for network in NETWORKS]
        if not all(found):
            rows.append(np.empty(0))
            continue
        (one, each), (two, _) = found  # type: ignore[misc]  # none of them is None
        n = min(len(one.mean), len(two.mean))
        lower, upper = (
            np.maximum(one.lower[:n], two.lower[:n]),
            np.minimum(one.upper[:n], two.upper[:n]),
        )
        meet = np.where(np.isfinite(lower + upper), lower > upper, np.nan)
        rows.append(bands.epoch_means(meet, each))
    whole = np.full((view.seeds, max(1, *map(len, rows))), np.nan)
    for seed, row in enumerate(rows):
        whole[seed, : len(row)] = row
    return whole
