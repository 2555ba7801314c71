"""The largest stable learning rate of each network: rates that double until a run diverges."""

import numpy as np

from jaxcifar.core.wording import DASH, listed
from jaxcifar.report.blocks import Block, Column, Paragraph, Table, short
from jaxcifar.reproduction.batchnorm import measures
from jaxcifar.reproduction.batchnorm.measures import NAMES, NETWORKS, View
from jaxcifar.reproduction.batchnorm.statement import DOUBLINGS, higher
from jaxcifar.reproduction.batchnorm.studies import Study
from jaxcifar.reproduction.batchnorm.tables import over_seeds

LIMIT = 2.3  # nats after the first epoch; guessing among ten classes has ln 10 = 2.3026
TAIL = 10  # the loss after an epoch is the mean over the last of so many parts of its steps
MOST = 100  # nats; larger losses need no digits
TEXT = (
    f"A run diverged if its training loss is not finite, or above {LIMIT:g} nats after its first "
    f"epoch: mean over the last 1/{TAIL} of the epoch's steps, in training mode. The largest "
    "stable rate is the last one before the first that diverged, from the lowest that learned on."
)


def after_an_epoch(view: View, network: str) -> np.ndarray:
    """Training loss (seeds, rates) at the end of the first epoch in nats; infinite = not finite."""
    losses = view.run.records.steps["loss"]

    def curve(member: measures.Member, row: int) -> np.ndarray:
        stop = member.steps_per_epoch
        found = losses[row, stop - max(1, stop // TAIL) : stop].mean()
        return np.array([found if np.isfinite(found) else np.inf])

    return measures.table(view, network, curve)[..., 0]


def largest_stable(view: View, network: str) -> np.ndarray:
    """The last rate (seeds,) before the first that diverged; NaN if none was stable.

    Where the highest rate was stable, it is that one: a lower bound, see `open_ended`.
    """
    found = [_last_stable(row) for row in after_an_epoch(view, network) <= LIMIT]
    return np.array([view.rates[place] if place >= 0 else np.nan for place in found])


def open_ended(view: View, network: str) -> np.ndarray:
    """Whether no rate above the largest stable one was tried, (seeds,)."""
    return largest_stable(view, network) == view.rates[-1]


def _last_stable(stable: np.ndarray) -> int:
    """The end of the first stretch of stable rates; -1 if there is none."""
    there = np.flatnonzero(stable)
    if not there.size:
        return -1
    ends = np.flatnonzero(~stable[there[0] :])
    return int(there[0] + ends[0] if ends.size else len(stable)) - 1


def _doublings(study: Study, network: str) -> np.ndarray:
    return np.log2(largest_stable(study.whole, network))


CLAIMS = (
    higher("bn", "R0", "Larger learning rates without divergence with BatchNorm: largest stable "
           "rate", _doublings, None, DOUBLINGS, "bn_rates"),
)  # fmt: skip


def section(study: Study) -> list[Block]:
    """The largest stable rates, and the loss after an epoch at every rate."""
    view = study.whole
    return [Paragraph(TEXT), largest(view), *ratio(view),
            Paragraph("Training loss after the first epoch."), losses(view),
            Paragraph("Nats, mean over seeds (lowest to highest). Diverged: in every seed not "
                      f"finite or above {LIMIT:g}.", "note")]  # fmt: skip


def largest(view: View) -> Table:
    """Seed by seed, a line a network."""
    rows = []
    for network in NETWORKS:
        found, free = largest_stable(view, network), open_ended(view, network)
        words = [
            DASH if np.isnan(rate) else f"{short(float(rate))}{' or more' if more else ''}"
            for rate, more in zip(found, free, strict=True)
        ]
        rows.append((NAMES[network], ", ".join(words)))
    columns = (Column("Network", numeric=False), Column("Largest stable rate, one a seed"))
    return Table(columns, tuple(rows))


def ratio(view: View) -> list[Block]:
    """How many times the rate without BatchNorm the one with it is, of seeds that tell."""
    found = largest_stable(view, "bn") / largest_stable(view, "plain")
    found = np.where(open_ended(view, "plain"), np.nan, found)
    there = found[np.isfinite(found)]
    if not there.size:
        return []
    times = listed([f"{value:g}" for value in there])
    more = " at least" if open_ended(view, "bn").any() else ""
    return [Paragraph(f"The largest stable rate with BatchNorm is{more} {times} times the one "
                      "without it, seed by seed.")]  # fmt: skip


def losses(view: View) -> Table:
    """A line a rate: the loss of both networks."""
    found = {network: after_an_epoch(view, network) for network in NETWORKS}
    columns = (Column("Learning rate"), *(Column(name) for name in NAMES.values()))
    rows = [
        (short(lr), *(_loss(values[:, place]) for values in found.values()))
        for place, lr in enumerate(view.rates)
    ]
    return Table(columns, tuple(rows))


def _loss(values: np.ndarray) -> str:
    """Over seeds; ``1.234; 1 of 3 not finite``."""
    mark = ", diverged" if (values > LIMIT).all() else ""
    lost, there = int(np.isinf(values).sum()), values[np.isfinite(values)]
    said = [over_seeds(there, 3 if there.max() < MOST else 0)] if there.size else []
    said += [f"{lost} of {values.size} not finite" if there.size else "not finite"] if lost else []
    return "; ".join(said or [DASH]) + mark
