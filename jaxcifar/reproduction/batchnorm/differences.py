"""Where our curves differ from the recorded ones beyond a tolerance, said by rule."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.core.wording import listed
from jaxcifar.report.blocks import short
from jaxcifar.reproduction.batchnorm import measures
from jaxcifar.reproduction.batchnorm.measures import NAMES, NETWORKS, View
from jaxcifar.reproduction.batchnorm.tables import recorded_widths
from jaxcifar.reproduction.reference import Curve, curve

Report = Mapping[str, Any]


class Tolerance(NamedTuple):
    """How far single runs of another implementation may lie from ours."""

    accuracy_points: float
    loss_factor: float


def sentences(
    view: View, report: Report, rates: list[float], tolerance: Tolerance
) -> tuple[str, ...]:
    """One sentence for each difference in end point, ordering, level or shape; none is empty."""
    if view.rates != tuple(rates):
        return ()
    return (
        *_end_points(view, report, tolerance),
        *_orderings(view, report, tolerance),
        *_levels(view, report, tolerance),
        *_shapes(view, report, tolerance),
    )


def _points(view: View, report: Report) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Final accuracy in percent, (rates,): our mean over seeds, and the recorded."""
    final = report.get("final_accuracy", {})
    return {
        network: (100 * measures.tested(view, network, "last").mean(0), np.array(final[network]))
        for network in NETWORKS if network in final
    }  # fmt: skip


def _end_points(view: View, report: Report, tolerance: Tolerance) -> list[str]:
    said = []
    for network, (ours, recorded) in _points(view, report).items():
        for lr, a, b in zip(view.rates, ours, recorded, strict=True):
            if abs(a - b) > tolerance.accuracy_points:
                way = "above" if a > b else "below"
                said.append(
                    f"End point: {NAMES[network]} at {short(lr)} the final test accuracy is "
                    f"{a:.2f} %, {abs(a - b):.2f} points {way} the recorded {b:.2f} %."
                )
    return said


def _orderings(view: View, report: Report, tolerance: Tolerance) -> list[str]:
    """Pairs of runs whose order is turned round by more than the tolerance."""
    runs = [
        (f"{NAMES[network]} at {short(lr)}", a, b)
        for network, (ours, recorded) in _points(view, report).items()
        for lr, a, b in zip(view.rates, ours, recorded, strict=True)
    ]
    said = []
    for (one, a, b), (two, c, d) in combinations(runs, 2):
        mine, theirs = a - c, b - d
        if mine * theirs < 0 and abs(mine - theirs) > tolerance.accuracy_points:
            first, second = (one, two) if mine > 0 else (two, one)
            said.append(
                f"Ordering: {first} ends {abs(mine):.2f} points above {second}; on record it ends "
                f"{abs(theirs):.2f} points below."
            )
    return said


def _levels(view: View, report: Report, tolerance: Tolerance) -> list[str]:
    said = []
    for network in NETWORKS:
        found = curve(report, "train_loss", network)
        ours = measures.epoch_means(view, network, "loss").mean(0)
        if found is None:
            continue
        there = found.until(ours.shape[1])
        mine = ours[:, there.epochs.astype(int) - 1]
        for lr, a, b in zip(view.rates, mine, there.values, strict=True):
            said += _level(f"{NAMES[network]} at {short(lr)}", a, Curve(there.epochs, b), tolerance)
    return said


def _level(name: str, ours: np.ndarray, recorded: Curve, tolerance: Tolerance) -> list[str]:
    ratio = np.log(ours / recorded.values)
    far = np.flatnonzero(np.abs(ratio) > np.log(tolerance.loss_factor))
    if not far.size:
        return []
    worst = far[np.argmax(np.abs(ratio[far]))]
    return [
        f"Level: {name} the mean training loss is more than a factor {tolerance.loss_factor:g} off "
        f"at {_epochs(recorded.epochs[far])}, most at epoch {recorded.epochs[worst]:g} with "
        f"{ours[worst]:.4f} nats, recorded {recorded.values[worst]:.4f}."
    ]


def _shapes(view: View, report: Report, tolerance: Tolerance) -> list[str]:
    """Epochs at which another network's band is the wider one, beyond the factor."""
    of_means = "band_width" not in report
    measure = measures.widths_of_means if of_means else measures.widths
    found = {network: recorded_widths(report, network, of_means) for network in NETWORKS}
    if not all(found.values()):
        return []
    ours = {network: measure(view, network).mean(0) for network in NETWORKS}
    bn, plain = (found[network].until(len(ours[network])) for network in NETWORKS)  # type: ignore[union-attr]
    places = bn.epochs.astype(int) - 1
    mine = np.log(ours["bn"][places] / ours["plain"][places])
    theirs = np.log(bn.values / plain.values)
    far = (mine * theirs < 0) & (np.abs(mine - theirs) > np.log(tolerance.loss_factor))
    return [
        f"Shape: the band {NAMES['bn']} is {'wider' if wider else 'narrower'} than the one "
        f"{NAMES['plain']} at {_epochs(bn.epochs[rows])}, where the recorded one is "
        f"{'narrower' if wider else 'wider'}."
        for wider in (True, False) if (rows := far & ((mine > 0) == wider)).any()
    ]  # fmt: skip


def _epochs(epochs: np.ndarray) -> str:
    """``epoch 3``, ``epochs 1 to 3 and 7``: neighbours as a range, where there are three."""
    runs: list[list[int]] = []
    for epoch in map(int, epochs):
        if runs and epoch == runs[-1][-1] + 1:
            runs[-1].append(epoch)
        else:
            runs.append([epoch])
    words = [
        word
        for run in runs
        for word in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))
    ]
    return f"epoch{'s' * (len(epochs) > 1)} {listed(words, most=20)}"


def what_the_bands_do(view: View) -> tuple[str, ...]:
    """Which band is wider when, and whether they are apart; of any run, at any size."""
    return (*_mean_widths(view), *_phases(view), *_separation(view))


def _mean_widths(view: View) -> list[str]:
    """Of runs that are as long as each other; others would be compared at different losses."""
    lengths = {member.length for member in view.run.records.members}
    wide = {network: measures.mean_width(view, network).mean() for network in NETWORKS}
    if len(lengths) > 1 or not np.isfinite(list(wide.values())).all():
        return []
    return [
        f"Over all steps the loss band {NAMES['bn']} is {wide['bn']:.3f} nats wide, the one "
        f"{NAMES['plain']} {wide['plain']:.3f}."
    ]


def _phases(view: View) -> list[str]:
    """Epochs by which band is the wider one in the mean over seeds, and where seeds disagree."""
    wide = [measures.widths(view, network) for network in ("bn", "plain")]
    shared = min(values.shape[1] for values in wide)
    gap = wide[0][:, :shared] - wide[1][:, :shared]
    gap = gap[:, np.isfinite(gap).all(0)]
    if not gap.size:
        return []
    epochs, mean = np.arange(1, gap.shape[1] + 1), gap.mean(0)
    parts = [
        f"{word} at {_epochs(epochs[rows])}"
        for word, rows in (("wider", mean > 0), ("narrower", mean < 0)) if rows.any()
    ]  # fmt: skip
    torn = (gap > 0).any(0) & (gap < 0).any(0)
    split = f" Seeds disagree at {_epochs(epochs[torn])}." if torn.any() else ""
    return [f"By epoch the band {NAMES['bn']} is {' and '.join(parts)}.{split}"]


def _separation(view: View) -> list[str]:
    """In how many steps of the last whole epoch the bands do not meet."""
    apart = measures.apart(view)
    apart = apart[:, np.isfinite(apart).all(0)]
    if not apart.size:
        return []
    share = 100 * apart.mean(0)
    last = f"epoch {len(share)}"
    return [
        f"The two bands have no loss in common at {share[-1]:.1f} % of the steps of {last}; most "
        f"at epoch {int(np.argmax(share)) + 1}, with {np.max(share):.1f} %."
    ]
