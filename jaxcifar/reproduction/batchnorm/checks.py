"""Single members at a report's own settings for a few epochs: is it the size that differs?"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxcifar.core.wording import listed, number
from jaxcifar.report.blocks import Block, Column, Heading, Paragraph, Table, short
from jaxcifar.report.run_records import Run, setting
from jaxcifar.reproduction.batchnorm.measures import NAMES, NETWORKS
from jaxcifar.reproduction.batchnorm.tables import at
from jaxcifar.reproduction.reference import curve

TEXT = (
    "{count} of R1's members at width {width} and R1's other settings, but for the length, on "
    "{data}: what a run of another width leaves open. One seed each; the record is one run, "
    "too, so that a difference below that between seeds means nothing."
)


def section(run: Run, report: Mapping[str, Any], rates: list[float]) -> list[Block]:
    """Their training loss and test accuracy after each epoch beside the recorded ones."""
    width = listed([f"{value:g}" for value in run.settings("model.width") or [1.0]])
    text = TEXT.format(count=len(run.entries), width=width, data=run.records.data)
    return [Heading("Members at the report's own width"), Paragraph(text),
            table(run, report, rates)]  # fmt: skip


def table(run: Run, report: Mapping[str, Any], rates: list[float]) -> Table:
    """A line a member and epoch."""
    columns = (
        Column("Network", numeric=False), Column("Learning rate"), Column("Epoch"),
        Column("Training loss, ours (nats)"), Column("recorded"),
        Column("Test accuracy, ours (%)"), Column("recorded"),
    )  # fmt: skip
    return Table(columns, tuple(
        line for entry in run.entries for line in _lines(run, entry, report, rates)
    ))  # fmt: skip


def _lines(
    run: Run, entry: Mapping[str, Any], report: Mapping[str, Any], rates: list[float]
) -> list[tuple[str, ...]]:
    rate, norm = (setting(entry["config"], path) for path in ("optim.lr", "model.norm"))
    network = next(name for name, value in NETWORKS.items() if value == norm)
    found = run.records.evaluations.get(entry["id"], {})
    recorded = [curve(report, what, network) for what in ("train_loss", "test_accuracy")]
    lines: list[tuple[str, ...]] = []
    for row, epoch in enumerate(found.get("epoch", np.empty(0))):
        loss, accuracy = (at(part, int(epoch), rates.index(rate)) for part in recorded)
        lines.append((
            NAMES[network], short(rate), f"{epoch:g}", number(found["train_loss"][row], 4),
            number(loss, 4), number(100 * found["val_accuracy"][row], 2), number(accuracy, 2),
        ))  # fmt: skip
    return lines
