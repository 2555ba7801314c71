"""Whether the compute type matters: the same study computed in two of them, seed by seed."""

from collections.abc import Callable, Sequence

import numpy as np

from jaxcifar.core.wording import DASH, known, number
from jaxcifar.report.blocks import Column, Table
from jaxcifar.reproduction.batchnorm import measures
from jaxcifar.reproduction.batchnorm.measures import NAMES, NETWORKS, View
from jaxcifar.reproduction.verdicts import Finding, differences, judge

Measured = tuple[str, Callable[[View, str], np.ndarray], int, float]  # words, numbers, digits, unit
MEASURED: tuple[Measured, ...] = (
    ("final test accuracy, mean over the rates (%)",
     lambda view, network: measures.tested(view, network, "last").mean(1), 2, 0.01),
    ("mean width of the loss band (nats)", measures.mean_width, 3, 1.0),
)  # fmt: skip


def pairs(views: Sequence[View]) -> list[tuple[View, View]]:
    """Runs of one study that differ in their compute type, the float32 one first."""
    return [
        (one, two)
        for one in views for two in views
        if one.run.records.study == two.run.records.study and one.seeds == two.seeds
        and one.run.settings("dtype") == ["float32"] != two.run.settings("dtype")
    ]  # fmt: skip


def table(views: Sequence[View]) -> Table | None:
    """Both networks' numbers in both types, and the paired test; None where there is no pair."""
    rows = [(pair, network, what) for pair in pairs(views) for network in NETWORKS
            for what in MEASURED]  # fmt: skip
    numbers = [[tuple(map(float, of(view, network))) for view in pair]
               for pair, network, (_, of, *_rest) in rows]  # fmt: skip
    gaps = [differences(two, one) for one, two in numbers]
    judged = judge([Finding(gap, sign=1) for gap in gaps])
    columns = (
        Column("Run", numeric=False), Column("Network", numeric=False),
        Column("Number", numeric=False), Column("float32"), Column("Other type"),
        Column("Difference"), Column("n"), Column("p (Holm)"),
    )  # fmt: skip
    lines = []
    for (pair, network, (words, _, digits, unit)), both, found in zip(
        rows, numbers, judged, strict=True
    ):
        means = [number(float(np.mean(values)), digits, unit) for values in both]
        p = number(found.p, 4) if known(found.p) else DASH
        lines.append((pair[1].name, NAMES[network], words, *means,
                      number(found.spread.mean, digits, unit), str(found.spread.n), p))  # fmt: skip
    return Table(columns, tuple(lines)) if lines else None
