"""What probes along the gradient say of the two networks, in each third of training."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from jaxcifar.core.wording import Unit, listed
from jaxcifar.records.step_probes import StepProbes
from jaxcifar.report.blocks import Block, Bullets, Column, Paragraph, Table
from jaxcifar.reproduction.batchnorm.measures import NAMES, NETWORKS, View
from jaxcifar.reproduction.batchnorm.statement import (
    COSINE,
    DECADES,
    NATS,
    Claim,
    OfNetwork,
    higher,
)
from jaxcifar.reproduction.batchnorm.studies import Study
from jaxcifar.reproduction.batchnorm.tables import over_seeds

SAID = "Mean over seeds, by third of training:"
PHASES = ("early", "middle", "late")  # thirds of the probes
STUDY = "bn_probe"


class Measured(NamedTuple):
    """A number of every probe; `better` is the network whose number a report says is higher."""

    name: str
    claim: str
    of: Callable[[StepProbes], np.ndarray]  # (P,)
    unit: Unit
    better: str = "plain"


def _decades(values: np.ndarray) -> np.ndarray:
    """Logarithms to base 10; NaN of what is not above 0."""
    found = np.full(values.shape, np.nan)
    np.log10(values, out=found, where=values > 0)
    return found


def _steepness(probes: StepProbes) -> np.ndarray:
    """Largest change of the loss over the distance moved, nats per unit of weight."""
    moved = probes.sizes * probes.gradient_norm[:, None]
    change = np.abs(probes.losses - probes.loss[:, None])
    return (change / np.where(moved > 0, moved, np.nan)).max(1)


MEASURED = (
    Measured("Lipschitz constant of the loss along the gradient",
             "A lower Lipschitz constant with BatchNorm, of the loss along the gradient",
             lambda p: _decades(_steepness(p)), DECADES),
    Measured("Lipschitz constant of the gradient (effective beta-smoothness)",
             "A lower Lipschitz constant with BatchNorm, of the gradient (effective "
             "beta-smoothness)", lambda p: _decades(p.smoothness), DECADES),
    Measured("Variation of the loss along the gradient",
             "A smoother landscape with BatchNorm: variation of the loss along the gradient",
             lambda p: _decades(np.ptp(p.losses, axis=1)), DECADES),
    Measured("Change of the gradient along it",
             "More predictive gradients with BatchNorm: largest change along the gradient",
             lambda p: _decades(p.distance.max(1)), DECADES),
    Measured("Cosine of the gradients along it",
             "More predictive gradients with BatchNorm: cosine along the gradient, mean over step "
             "sizes", lambda p: p.cosine.mean(1), COSINE, "bn"),
)  # fmt: skip


def phase_means(values: np.ndarray) -> np.ndarray:
    """Means (3,) over the thirds of (P,) probes; what is not finite is left out, NaN if all is."""
    thirds = np.array_split(values, len(PHASES))
    there = [third[np.isfinite(third)] for third in thirds]
    return np.array([part.mean() if part.size else np.nan for part in there])


def by_phase(study: Study, network: str, of: Callable[[StepProbes], np.ndarray]) -> np.ndarray:
    """A measure of the probes (seeds, phases), mean over the learning rates."""
    return over_members(study.whole, network, {
        name: phase_means(of(found)) for name, found in study.inside.step_probes.items()
    })  # fmt: skip


def over_members(view: View, network: str, found: dict[str, np.ndarray]) -> np.ndarray:
    """Mean (seeds, phases) over a seed's members of a network; NaN where one of them has none."""
    whole = np.full((view.seeds, len(PHASES)), np.nan)
    missing = np.full(len(PHASES), np.nan)
    for seed in range(view.seeds):
        rows = [row for (name, at, _), row in view.cells.items() if (name, at) == (network, seed)]
        ids = [view.run.records.members[row].id for row in rows]
        if ids:
            whole[seed] = np.mean([found.get(name, missing) for name in ids], axis=0)
    return whole


def in_phases(of: Callable[[Study, str], np.ndarray], phase: int) -> OfNetwork:
    """One phase's column of (seeds, phases)."""
    return lambda study, network: of(study, network)[:, phase]


def _claims(measured: Measured) -> tuple[Claim, ...]:
    of = partial(by_phase, of=measured.of)
    return tuple(
        higher(measured.better, "R0", f"{measured.claim}; {phase} third of training",
               in_phases(of, place), None, measured.unit, STUDY)
        for place, phase in enumerate(PHASES)
    )  # fmt: skip


CLAIMS = tuple(claim for measured in MEASURED for claim in _claims(measured))


def section(study: Study) -> list[Block]:
    """Every measure of both networks by phase, or nothing where no probe was taken."""
    found = study.inside.step_probes
    if not any(len(probes.step) for probes in found.values()):
        return [Paragraph("No probe along the gradient was taken.")]
    first = next(iter(found.values()))
    holes = sum(int(np.isnan(probes.losses).sum()) for probes in found.values())
    text = (f"At every probe the loss of the next minibatch and its gradient are looked at "
            f"{len(first.sizes)} step sizes along the gradient, from {first.sizes[0]:g} to "
            f"{first.sizes[-1]:g}; {len(first.step)} probes, the last before step "
            f"{first.step[-1]:,}. Phases are thirds of them. "
            "Decades: logarithms to base 10.")  # fmt: skip
    note = ("Mean over the probes of a third, then over the learning rates and seeds (lowest to "
            f"highest seed). {holes:,} losses along the gradient were not finite"
            f"{'; their probes are left out' if holes else ''}.")  # fmt: skip
    said = sentences(study, [(m.name, m.better, partial(by_phase, of=m.of)) for m in MEASURED])
    return [Paragraph(text), table(study), Paragraph(note, "note"), Paragraph(SAID), Bullets(said)]


def sentences(study: Study, measured: Sequence[tuple[str, str, OfNetwork]]) -> tuple[str, ...]:
    """In which phases each measure is as claimed in the mean over seeds; no test stands behind it.

    Args:
        study: the run.
        measured: name, the network whose number is claimed to be higher, numbers (seeds, phases).
    """
    said = []
    for name, better, of in measured:
        other = next(network for network in NETWORKS if network != better)
        gap = (of(study, better) - of(study, other)).mean(axis=0)
        parts = [
            f"{words} {_thirds(rows)}"
            for words, rows in (
                ("as claimed in the", gap > 0),
                ("the other way round in the", gap < 0),
            )
            if rows.any()
        ]
        said += [f"{name}: {', '.join(parts)}."] if parts else []
    return tuple(said)


def _thirds(rows: np.ndarray) -> str:
    """``early third``, ``middle and late thirds``."""
    names = [phase for phase, there in zip(PHASES, rows, strict=True) if there]
    return f"{listed(names)} third{'s' * (len(names) > 1)}"


def table(study: Study) -> Table:
    """A line for each measure and network, after the loss, which says how far training is."""
    shown = [("Loss of the minibatch", NATS, partial(by_phase, of=lambda p: p.loss))]
    shown += [(m.name, m.unit, partial(by_phase, of=m.of)) for m in MEASURED]
    return phase_table(study, shown)


def phase_table(study: Study, measured: Sequence[tuple[str, Unit, OfNetwork]]) -> Table:
    """Numbers (seeds, phases) of both networks, a line for each measure and network."""
    rows = []
    for words, unit, of in measured:
        for network, name in NAMES.items():
            found = of(study, network)
            phases = (over_seeds(found[:, place], unit.digits) for place in range(len(PHASES)))
            rows.append((words, unit.name, name, *phases))
    columns = (Column("Measure", numeric=False), Column("Unit", numeric=False),
               Column("Network", numeric=False), *(Column(phase) for phase in PHASES))  # fmt: skip
    return Table(columns, tuple(rows))
