"""Rows of a published table beside ours."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxcifar.report.blocks import DASH, Code, Column, Facts, Table, known, number
from jaxcifar.report.published import runs
from jaxcifar.report.published.measures import Cell, values
from jaxcifar.report.published.runs import Trained
from jaxcifar.report.statistics import Spread, spread
from jaxcifar.report.tables import setup
from jaxcifar.report.verdicts import (
    Finding,
    Judgement,
    Verdict,
    differences,
    holm,
    judge,
    p_of_zero,
)

Published = Mapping[str, Any]  # a table of the reference
READING = 0.01  # of an accuracy that was read off a plot: to either side
UNPUBLISHED = ("test_best", "test_last")  # what rows without a published number show


def rows(table: Published) -> list[tuple[Mapping[str, Any], Cell, float | None]]:
    """The lines of a table: its row, what is measured, and the published value."""
    lines = []
    usual: Mapping[str, float] = next(filter(None, (row["published"] for row in table["rows"])), {})
    for row in table["rows"]:
        published = row["published"] or dict.fromkeys(list(usual)[:1] or UNPUBLISHED)
        for measure, value in published.items():
            lines.append((row, Cell(table["config"], row["member"], measure), value))
    return lines


def beside(table: Published, trained: Trained | None) -> Table:
    """Published and ours, a line a row and measure; dashes where nothing was run."""
    lines = rows(table)
    found = [values(trained, cell) if trained else () for _, cell, _ in lines]
    judged = judge([
        _finding(row, cell, value, ours, trained)
        for (row, cell, value), ours in zip(lines, found, strict=True)
    ])  # fmt: skip
    columns = (
        Column("Row", numeric=False), Column("Setting", numeric=False),
        Column("Measure", numeric=False), Column("Published"), Column("Ours: mean"),
        Column("Standard deviation"), Column("Difference"), Column("95 % interval"), Column("n"),
        Column("Verdict", numeric=False),
    )  # fmt: skip
    cells = [
        _line(row, cell, value, judgement)
        for (row, cell, value), judgement in zip(lines, judged, strict=True)
    ]
    return Table(columns, tuple(cells))


def _finding(
    row: Mapping[str, Any], cell: Cell, value: float | None, ours: Sequence[float],
    trained: Trained | None,
) -> Finding:  # fmt: skip
    at_size = trained is not None and trained.at_size(cell.member)
    there = [number for number in ours if known(number)]
    if value is not None and row.get("approximate") and there:  # nearest value of the reading
        value = float(np.clip(np.mean(there), value - READING, value + READING))
    return Finding(tuple(ours), value, at_size=at_size)


def _line(
    row: Mapping[str, Any], cell: Cell, value: float | None, found: Judgement
) -> tuple[str, ...]:
    unit, ours = cell.row.unit, found.spread
    about = "~" if row.get("approximate") and value is not None else ""
    difference = ours.mean - value if value is not None else None
    return (
        Code(row["id"]), row["setting"], _title(cell), about + unit.show(value),
        unit.show(ours.mean), cell.row.difference.show(ours.deviation),
        cell.row.difference.show(difference), _interval(cell, ours), str(ours.n),
        verdict(found.verdict, value, ours),
    )  # fmt: skip


def verdict(found: Verdict, published: float | None, ours: Spread) -> str:
    """A row's verdict; a row that nobody published has none, one without a run says so."""
    if ours.n == 0:
        return "not run"
    return found.value if published is not None else "nothing published"


def _title(cell: Cell) -> str:
    argument = cell.measure.partition("@")[2]
    unit = cell.row.unit.name
    return f"{cell.row.title}{f' {argument}' if argument else ''}{f' ({unit})' if unit else ''}"


def _interval(cell: Cell, ours: Spread) -> str:
    unit = cell.row.unit
    return f"{unit.show(ours.low)} to {unit.show(ours.high)}" if known(ours.low) else DASH


def comparisons(table: Published, trained: Trained) -> Table | None:
    """Each row against the table's first, by the paired test over seeds; None for one seed."""
    first, *others = _leading(table)
    base = values(trained, first[1])
    pairs = [(row, cell, _paired(values(trained, cell), base)) for row, cell, _ in others]
    pairs = [pair for pair in pairs if spread(pair[2]).n > 1]
    if not pairs:
        return None
    corrected = holm([p_of_zero(found) for *_, found in pairs])
    columns = (
        Column("Row", numeric=False), Column(f"Difference from {first[0]['id']}"),
        Column("Published difference"), Column("95 % interval"), Column("n"), Column("p (Holm)"),
    )  # fmt: skip
    lines = []
    for (row, cell, found), p in zip(pairs, corrected, strict=True):
        unit, ours = cell.row.difference, spread(found)
        lines.append((Code(row["id"]), unit.show(ours.mean), unit.show(_gap(row, first[0], cell)),
                      f"{unit.show(ours.low)} to {unit.show(ours.high)}", str(ours.n),
                      p_text(p)))  # fmt: skip
    return Table(columns, tuple(lines))


def _leading(table: Published) -> list[tuple[Mapping[str, Any], Cell, float | None]]:
    """The first measure of every row, where it is the one of the table's first row."""
    lines = rows(table)
    measure = lines[0][1].measure
    return [line for line in lines if line[1].measure == measure]


def _paired(ours: Sequence[float], base: Sequence[float]) -> tuple[float, ...]:
    return differences(ours, base) if len(ours) == len(base) else ()


def _gap(row: Mapping[str, Any], first: Mapping[str, Any], cell: Cell) -> float | None:
    values = [entry["published"].get(cell.measure) for entry in (row, first)]
    return None if None in values else values[0] - values[1]


def p_text(p: float) -> str:
    """A p value with four digits; a dash where there is none."""
    return DASH if np.isnan(p) else "<0.0001" if p < 1e-4 else number(p, 4)


def facts(trained: Trained) -> Facts:
    """Where a table's numbers come from: data, device, time, command, commit."""
    keep = {"Data": "Data", "Data fingerprint (SHA-256)": "Data fingerprint (SHA-256)",
            "Training images": "Training images", "Epochs": "Epochs",
            "Batch size": "Batch size", "Seeds per member": "Seeds per member",
            "Later stages": "Later stages", "Weights reported": "Weights",
            "Device": "Device", "Commit": "Commit", "Command": "Command",
            "Training time": "Training time"}  # fmt: skip
    found = [(keep[name], value) for name, value in setup(trained.run).rows if name in keep]
    types = [str(value) for value in trained.run.settings("dtype")]
    return Facts((*found, ("Computed in", ", ".join(types) or DASH)))


def overview(tables: Sequence[Published], found: Mapping[str, Sequence[Trained]]) -> Table:
    """What was run of the whole report, a line a run; a config without a run says so."""
    columns = (
        Column("Config", numeric=False), Column("Members"), Column("Seeds"),
        Column("At the published size"), Column("Data", numeric=False),
        Column("Device", numeric=False), Column("Minutes"),
    )  # fmt: skip
    lines: list[tuple[str, ...]] = []
    for name in dict.fromkeys(table["config"] for table in tables):
        lines += [_run_line(trained) for trained in found.get(name, ())] or [
            (Code(name), "0", DASH, "0", "not run", DASH, DASH)
        ]
    return Table(columns, tuple(lines))


def _run_line(trained: Trained) -> tuple[str, ...]:
    entries, open_ = trained.run.entries, trained.run.unfinished
    members = {entry["study_id"] for entry in entries}
    done = f"{len(entries) - len(open_)} of {len(entries)}" if open_ else str(len(entries))
    return (
        Code(trained.name), done, str(trained.run.config.get("seeds", 1)),
        str(sum(map(trained.at_size, members))), runs.label(trained), runs.device(trained),
        number(runs.seconds(trained) / 60, 1),
    )  # fmt: skip
