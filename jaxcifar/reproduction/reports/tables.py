"""Rows of a published table beside ours."""

from collections.abc import Mapping, Sequence

from jaxcifar.config import SEEDS
from jaxcifar.core.wording import DASH, known, number, p_value
from jaxcifar.report.blocks import Code, Column, Facts, Table
from jaxcifar.report.run_records import setting
from jaxcifar.report.statistics import Spread, spread
from jaxcifar.report.tables import public_setup
from jaxcifar.reproduction.reports import runs
from jaxcifar.reproduction.reports.lines import Line, Published, Value, finding, lines, ours
from jaxcifar.reproduction.reports.measures import Cell
from jaxcifar.reproduction.reports.runs import Trained
from jaxcifar.reproduction.verdicts import Judgement, Verdict, differences, holm, judge, p_of_zero

FACTS = (
    "Data", "Data fingerprint (SHA-256)", "Training images", "Epochs", "Batch size",
    "Seeds per member", "Later stages", "Weights reported", "Device", "Commit", "Command",
    "Training time",
)  # fmt: skip


def beside(table: Published, trained: Trained | None) -> Table:
    """Published and ours, a line a row and measure; dashes where nothing was run."""
    rows = lines(table)
    judged = judge([finding(line, trained) for line in rows])
    columns = (
        Column("Row", numeric=False), Column("Setting", numeric=False),
        Column("Measure", numeric=False), Column("Published"), Column("Ours: mean"),
        Column("Standard deviation"), Column("Difference"), Column("95 % interval"), Column("n"),
        Column("Verdict", numeric=False),
    )  # fmt: skip
    return Table(columns, tuple(map(_cells, rows, judged)))


def _cells(line: Line, found: Judgement) -> tuple[str, ...]:
    row, ours, value = line.measure.row, found.spread, line.value
    gap = ours.mean - value.middle if value and known(ours.mean) else None
    return (
        Code(line.name), line.setting, _title(line.measure),
        value.text(row.unit) if value else DASH, row.unit.show(ours.mean),
        row.difference.show(ours.deviation), row.difference.show(gap),
        _interval(line.measure, ours), str(ours.n), verdict(found.verdict, value, ours),
    )  # fmt: skip


def verdict(found: Verdict, published: Value | None, ours: Spread) -> str:
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
    """Each row against the table's first in one measure, by the paired test over seeds.

    None for one seed.
    """
    first, *others = _leading(table)
    base = ours(first, trained)
    pairs = [(line, _paired(ours(line, trained), base)) for line in others]
    pairs = [pair for pair in pairs if spread(pair[1]).n > 1]
    if not pairs:
        return None
    corrected = holm([p_of_zero(found, line.measure.row.resolution) for line, found in pairs])
    columns = (
        Column("Row", numeric=False), Column(f"{_difference(first.measure)} from {first.name}"),
        Column("Published difference"), Column("95 % interval"), Column("n"), Column("p (Holm)"),
    )  # fmt: skip
    cells = []
    for (line, found), p in zip(pairs, corrected, strict=True):
        unit, gap = line.measure.row.difference, spread(found)
        cells.append((Code(line.name), unit.show(gap.mean), unit.show(_gap(line, first)),
                      f"{unit.show(gap.low)} to {unit.show(gap.high)}", str(gap.n),
                      p_value(p)))  # fmt: skip
    return Table(columns, tuple(cells))


def _leading(table: Published) -> list[Line]:
    """The lines of the measure that rows are compared in: the first of the test set, if any."""
    rows = [line for line in lines(table) if len(line.cells) == 1]
    names = [line.measure.measure for line in rows if line.name == rows[0].name]
    chosen = next((name for name in names if name.startswith("test_")), names[0])
    return [line for line in rows if line.measure.measure == chosen]


def _difference(cell: Cell) -> str:
    """``Difference in test accuracy, last weights (points)``."""
    row = cell.row
    return f"Difference in {row.title}{f' ({row.difference.name})' * bool(row.difference.name)}"


def other_seeds(table: Published, trained: Trained) -> tuple[str, ...]:
    """The rows whose seeds are not those of the table's first row."""
    first, *others = table["rows"]
    shared = _seeds(trained, first["member"])
    found = {row["id"]: _seeds(trained, row["member"]) for row in others}
    return tuple(name for name, seeds in found.items() if seeds and seeds != shared)


def _seeds(trained: Trained, member: str) -> list[list[int | None]]:
    return [[setting(entry["config"], name) for name in SEEDS] for entry in trained.entries(member)]


def _paired(ours: Sequence[float], base: Sequence[float]) -> tuple[float, ...]:
    return differences(ours, base) if len(ours) == len(base) else ()


def _gap(line: Line, first: Line) -> float | None:
    """The difference of two published numbers; of ranges there is none."""
    ends = [end for value in (line.value, first.value) if value for end in value[:2]]
    single = len(ends) == 4 and ends[0] == ends[1] and ends[2] == ends[3]
    return ends[0] - ends[2] if single else None


def facts(trained: Trained) -> Facts:
    """Where a table's numbers come from: data, device, time, command, commit; no path."""
    found = [row for row in public_setup(trained.run) if row[0] in FACTS]
    types = [str(value) for value in trained.run.settings("dtype")]
    return Facts((*found, ("Computed in", ", ".join(types) or DASH)))


def overview(tables: Sequence[Published], found: Mapping[str, Sequence[Trained]]) -> Table:
    """What was run of the whole report, a line a run; a config without a run says so."""
    columns = (
        Column("Config", numeric=False), Column("Members"), Column("Seeds"),
        Column("At the published size"), Column("Data", numeric=False),
        Column("Device", numeric=False), Column("Minutes"),
    )  # fmt: skip
    cells: list[tuple[str, ...]] = []
    for name in dict.fromkeys(table["config"] for table in tables):
        cells += [_run_line(trained) for trained in found.get(name, ())] or [
            (Code(name), "0", DASH, "0", "not run", DASH, DASH)
        ]
    return Table(columns, tuple(cells))


def _run_line(trained: Trained) -> tuple[str, ...]:
    entries, open_ = trained.run.entries, trained.run.unfinished
    members = {entry["study_id"] for entry in entries}
    done = f"{len(entries) - len(open_)} of {len(entries)}" if open_ else str(len(entries))
    return (
        Code(trained.name), done, str(trained.run.config.get("seeds", 1)),
        str(sum(map(trained.at_size, members))), runs.label(trained), runs.device(trained),
        number(runs.seconds(trained) / 60, 1),
    )  # fmt: skip
