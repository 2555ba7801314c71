"""Late spikes of the training loss with SGD beside Adam."""

import numpy as np

from jaxcifar.core.wording import number
from jaxcifar.report.blocks import Block, Column, Paragraph, Table, short
from jaxcifar.report.statistics import SPIKES_ABOVE, SPIKES_AFTER
from jaxcifar.reproduction.batchnorm import measures
from jaxcifar.reproduction.batchnorm.measures import NAMES, View
from jaxcifar.reproduction.batchnorm.statement import STEPS, Claim
from jaxcifar.reproduction.batchnorm.studies import Study
from jaxcifar.reproduction.verdicts import differences

OF_STEPS = 19_550  # of the second report's runs, whose spikes count after `SPIKES_AFTER`
WORDS = {"adam": "Adam", "sgd": "SGD, momentum 0.9"}
TEXT = (
    "A spike is a step at which a learning rate's loss is above {above:g} nat although the mean of "
    "an earlier epoch of that run was below it: a run that never came down does not explode. "
    "Steps count after step {after:,} (0-based) of {steps:,}: the share of the run that step "
    "{after_full:,} is of the {steps_full:,} steps on record."
)


def late(view: View) -> int:
    """The step (0-based) after which spikes count: the recorded one's share of a run's steps."""
    return round(SPIKES_AFTER * _steps(view) / OF_STEPS)


def _steps(view: View) -> int:
    return max(member.length for member in view.run.records.members)


def learned(view: View, network: str) -> np.ndarray:
    """Whether a run's loss has come down to `SPIKES_ABOVE` in an earlier epoch, per step.

    Returns: bool (seeds, rates, S).
    """
    each = view.run.records.members[0].steps_per_epoch
    below = measures.epoch_means(view, network, "loss") < SPIKES_ABOVE
    before = np.zeros_like(below)
    before[..., 1:] = np.logical_or.accumulate(below, axis=-1)[..., :-1]
    return np.repeat(before, each, axis=-1)


def above(view: View, network: str) -> np.ndarray:
    """Whether a run's loss is above `SPIKES_ABOVE` in a late step, bool (seeds, rates, S)."""
    losses = view.run.records.steps["loss"]
    found = measures.table(view, network, lambda member, row: losses[row, : member.length])
    return (found > SPIKES_ABOVE) & (np.arange(found.shape[-1]) > late(view))


def spikes(view: View, network: str) -> np.ndarray:
    """Late steps (seeds,) at which a run that had come down is above 1 nat; NaN: none came down."""
    there = learned(view, network)
    high = above(view, network)[..., : there.shape[-1]] & there
    return np.where(there.any((1, 2)), high.any(axis=1).sum(-1).astype(float), np.nan)


def _adam_minus_sgd(study: Study) -> np.ndarray:
    adam, sgd = (spikes(study.parts[name], "plain") for name in ("adam", "sgd"))
    return np.array(differences(list(adam), list(sgd)))


CLAIMS = (
    Claim("R1", "The loss without BatchNorm explodes because of Adam: late spikes (Adam minus "
          "SGD)", _adam_minus_sgd, None, 1, STEPS, "bn_sgd"),
)  # fmt: skip


def section(study: Study) -> list[Block]:
    """Spikes of both optimizers and networks."""
    view = next(iter(study.parts.values()))
    text = TEXT.format(above=SPIKES_ABOVE, after=late(view), steps=_steps(view),
                       after_full=SPIKES_AFTER, steps_full=OF_STEPS)  # fmt: skip
    note = ("One number a seed. Came down: runs of a network (rates and seeds) with an epoch mean "
            f"below {SPIKES_ABOVE:g} nat. As on record: late steps with a rate above "
            f"{SPIKES_ABOVE:g} nat, come down or not.")  # fmt: skip
    return [Paragraph(text), table(study), Paragraph(note, "note")]


def table(study: Study) -> Table:
    """A line for each optimizer and network."""
    columns = (
        Column("Optimizer", numeric=False), Column("Learning rates"),
        Column("Network", numeric=False), Column("Came down"), Column("Late spikes"),
        Column("As on record"), Column("Highest late loss (nats)"), Column("Not finite"),
    )  # fmt: skip
    rows = []
    for optimizer, view in study.parts.items():
        for network, name in NAMES.items():
            down = learned(view, network).any(-1)
            rows.append((
                WORDS.get(optimizer, optimizer), ", ".join(map(short, view.rates)), name,
                f"{down.sum()} of {down.size}", _counts(spikes(view, network)),
                _counts(above(view, network).any(axis=1).sum(-1)),
                ", ".join(number(v, 3) for v in _highest(view, network)), _lost(view, network),
            ))  # fmt: skip
    return Table(columns, tuple(rows))


def _counts(values: np.ndarray) -> str:
    return ", ".join(number(value) for value in values)


def _highest(view: View, network: str) -> np.ndarray:
    """The highest loss (seeds,) in a late step of a run that had come down; NaN if none had."""
    losses, there = view.run.records.steps["loss"], learned(view, network)
    found = measures.table(view, network, lambda member, row: losses[row, : member.length])
    found = found[..., : there.shape[-1]]
    seen = there & (np.arange(found.shape[-1]) > late(view)) & np.isfinite(found)
    highest = np.where(seen, found, -np.inf).max((1, 2))
    return np.where(np.isfinite(highest), highest, np.nan)


def _lost(view: View, network: str) -> str:
    rows = [row for (name, *_), row in view.cells.items() if name == network]
    lost = sum(view.run.records.members[row].diverged >= 0 for row in rows)
    return f"{lost} of {len(rows)}"
