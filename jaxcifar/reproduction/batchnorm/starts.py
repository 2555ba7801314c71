"""How much the end depends on the start: initialisation, seed and learning rate together."""

import numpy as np

from jaxcifar.core.wording import number
from jaxcifar.report.blocks import Block, Column, Paragraph, Table, short
from jaxcifar.reproduction.batchnorm import measures
from jaxcifar.reproduction.batchnorm.measures import NAMES, NETWORKS
from jaxcifar.reproduction.batchnorm.statement import EPOCHS, POINTS, OfNetwork, higher
from jaxcifar.reproduction.batchnorm.studies import Study
from jaxcifar.reproduction.batchnorm.tables import over_seeds

LEVELS = (0.7, 0.6, 0.5, 0.4, 0.3, 0.2)  # of accuracy; 70 % is what the reports' claim is put to
STUDY = "bn_init"
INITS = {"torch": "PyTorch's", "xavier_normal": "Xavier normal"}
LEVEL = "70 %, or the highest tenth below that every run reaches"


def final(study: Study, network: str) -> np.ndarray:
    """Test accuracy (initialisations, seeds, rates) of the last weights, in [0, 1]."""
    return np.stack([measures.tested(part, network, "last") for part in study.parts.values()])


def epochs_to(study: Study, network: str, level: float) -> np.ndarray:
    """First epoch (initialisations, seeds, rates) at a level; infinite = none."""
    parts = study.parts.values()
    return np.stack([measures.epochs_to(part, network, level) for part in parts])


def level(study: Study) -> float | None:
    """The highest of `LEVELS` that all runs of both networks reach; None if there is none."""
    for found in LEVELS:
        if all(np.isfinite(epochs_to(study, network, found)).all() for network in NETWORKS):
            return found
    return None


def epochs_to_level(study: Study, network: str) -> np.ndarray:
    """`epochs_to` the study's `level`; NaN where it has none."""
    found = level(study)
    shape = final(study, network).shape
    return np.full(shape, np.nan) if found is None else epochs_to(study, network, found)


def between_inits(values: np.ndarray) -> np.ndarray:
    """How far two initialisations are apart at a rate, mean over the rates, (seeds,)."""
    return np.ptp(values, axis=0).mean(axis=-1)


def between_rates(values: np.ndarray) -> np.ndarray:
    """How far the rates of an initialisation are apart, mean over those, (seeds,)."""
    return np.ptp(values, axis=-1).mean(axis=0)


def between_both(values: np.ndarray) -> np.ndarray:
    """Highest minus lowest of all initialisations and rates, (seeds,)."""
    return np.ptp(values, axis=(0, 2))


SPREADS = {
    "from one initialisation to the other at a rate": between_inits,
    "from lowest to highest rate of an initialisation": between_rates,
    "from lowest to highest of all": between_both,
}


def _of(what: OfNetwork, spread: str) -> OfNetwork:
    return lambda study, network: SPREADS[spread](what(study, network))


CLAIMS = tuple(
    higher("plain", "R1", f"Less sensitive to {words} with BatchNorm: {name}, {spread}",
           _of(what, spread), None, unit, STUDY)
    for words, spread in (("the initialisation", "from one initialisation to the other at a rate"),
                          ("the learning rate", "from lowest to highest rate of an initialisation"),
                          ("initialisation and learning rate", "from lowest to highest of all"))
    for name, what, unit in (("final test accuracy", final, POINTS),
                             (f"epochs to {LEVEL}", epochs_to_level, EPOCHS))
)  # fmt: skip


def section(study: Study) -> list[Block]:
    """The spread of final accuracies and of epochs to a level, then every cell."""
    found = level(study)
    said = f"Every run reaches {100 * (found or 0):g} %."
    if found is None:
        said = f"Some runs do not reach {100 * LEVELS[-1]:g} %: no level is common to all."
    return [
        spreads(study),
        Paragraph(f"{said} Mean over seeds (lowest to highest seed); the deviations are over all "
                  "runs of a network and over the seeds of a cell.", "note"),
        cells(study),
        Paragraph("Accuracy: last weights on the test set, mean over seeds (lowest to highest). "
                  "Epochs: mean of the runs that reached the accuracy, and how many did.", "note"),
    ]  # fmt: skip


def spreads(study: Study) -> Table:
    """How far apart runs end, a line for each kind of spread."""
    measured = [("Final test accuracy (points)", final, 2, 0.01)]
    if found := level(study):
        measured.append((f"Epochs to {100 * found:g} %", epochs_to_level, 2, 1.0))
    rows = []
    for name, what, digits, unit in measured:
        both = [what(study, network) for network in NETWORKS]
        for spread, of in SPREADS.items():
            rows.append((name, spread, *(over_seeds(of(v), digits, unit) for v in both)))
        for spread, deviation in (
            ("standard deviation of all runs", lambda v: v.std(ddof=1)),
            ("standard deviation over seeds, root mean square of the cells",
             lambda v: np.sqrt(v.var(axis=1, ddof=1).mean()) if v.shape[1] > 1 else np.nan),
        ):  # fmt: skip
            rows.append((name, spread, *(number(float(deviation(v)), digits, unit) for v in both)))
    columns = (Column("Measure", numeric=False), Column("Spread", numeric=False),
               *(Column(name) for name in NAMES.values()))  # fmt: skip
    return Table(columns, tuple(rows))


def cells(study: Study) -> Table:
    """A line for each network, initialisation and rate."""
    shown = (0.7, 0.5, 0.3)
    columns = (Column("Network", numeric=False), Column("Initialisation", numeric=False),
               Column("Learning rate"), Column("n"), Column("Final test accuracy (%)"),
               *(Column(f"Epochs to {100 * each:g} %") for each in shown))  # fmt: skip
    rows = []
    for network, name in NAMES.items():
        reached = final(study, network)
        epochs = [epochs_to(study, network, each) for each in shown]
        for i, (init, part) in enumerate(study.parts.items()):
            rows += [
                (name, INITS.get(init, init), short(lr), str(reached.shape[1]),
                 over_seeds(reached[i, :, j], 2, 0.01), *(_reached(e[i, :, j]) for e in epochs))
                for j, lr in enumerate(part.rates)
            ]  # fmt: skip
    return Table(columns, tuple(rows))


def _reached(epochs: np.ndarray) -> str:
    there = epochs[np.isfinite(epochs)]
    return f"{number(float(there.mean()), 1)} ({there.size})" if there.size else "(0)"
