"""How much of the published experiments has results here, counted from kept records."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar import cli
from jaxcifar.core.files import CHECKOUT
from jaxcifar.core.wording import listed, plural
from jaxcifar.report.run_records import Run, read
from jaxcifar.reproduction import reference, reports
from jaxcifar.reproduction.batchnorm import measures, studies, verdict_table
from jaxcifar.reproduction.reports import tables
from jaxcifar.reproduction.reports.runs import Trained
from jaxcifar.reproduction.verdicts import Verdict

REPORTS = ("R0", "R1", "R2", "R3", "R4")
BN = {"R0": "r0", "R1": "r1"}  # reports -> the variant of configs/bn.py that has its size
BN_TITLE = "VGG-A with and without BatchNorm, four learning rates"


class Part(NamedTuple):
    """What there is of a published table or figure, or of a report's BatchNorm study."""

    report: str
    title: str
    config: str
    rows: int  # published members
    done: int  # of them with results, at whatever size
    at_size: int  # of them at the published size, all their seeds finished
    runs: tuple[Trained, ...]
    verdicts: Counter[str]  # of the values or claims that have one


class Overview(NamedTuple):
    """All parts, and what was run of the BatchNorm study at neither report's size."""

    parts: tuple[Part, ...]
    others: tuple[str, ...]

    def total(self, bn: bool) -> tuple[int, int, int]:
        """Rows, those with results and those at the published size: of the study, or all others."""
        rows = [part for part in self.parts if (part.config == "bn") == bn]
        counts = [(part.rows, part.done, part.at_size) for part in rows]
        return sum(c[0] for c in counts), sum(c[1] for c in counts), sum(c[2] for c in counts)


def look(records: Path) -> Overview:
    """Count what a folder of run folders has.

    Raises: UserError: a damaged record.
    """
    parts = [part for report in REPORTS for part in _of_report(report, records)]
    own = {trained.folder for part in parts for trained in part.runs}
    others = [read(path.parent) for path in sorted(records.glob("bn*/steps.npz"))
              if path.parent not in own]  # fmt: skip
    return Overview(tuple(parts), tuple(map(_other, others)))


def _other(run: Run) -> str:
    """``bn:small (16 runs, 3 epochs, width 0.25, CIFAR-10 (JPEG))``."""
    epochs = listed([plural(count, "epoch") for count in run.settings("train.epochs")])
    widths = [f"width {width:g}" for width in run.settings("model.width")]
    words = [plural(len(run.entries), "run"), epochs, *widths, run.records.data]
    return f"{run.records.study} ({', '.join(words)})"


def _of_report(report: str, records: Path) -> Iterator[Part]:
    if report in BN:
        yield _bn(report, records)
    sizes = {config: variant for config, variant in reports.configs(report)}
    there = reports.find(records, {config: _study(config, sizes[config]) for config in sizes})
    for table in reference.load(report.lower())["tables"]:
        found = tuple(there[table["config"]])
        members = [row["member"] for row in table["rows"]]
        lines = tables.beside(table, found[0] if found else None).rows
        yield _part(report, table["title"], table["config"], members, found, lines)


def _study(config: str, variant: str) -> Any:
    return cli.load_study(f"{CHECKOUT}/configs/{config}.py:{variant}")


def _bn(report: str, records: Path) -> Part:
    """The eight runs of a report's BatchNorm study, and the verdicts on what it says of them."""
    variant = BN[report]
    study = _study("bn", variant)
    found = tuple(trained for trained in reports.find(records, {"bn": study})["bn"]
                  if trained.variant == variant)  # fmt: skip
    lines = [row for row in _bn_claims(records) if report in row[0]]
    return _part(report, BN_TITLE, "bn", [m.id for m in study.members], found, lines)


def _bn_claims(records: Path) -> Sequence[tuple[str, ...]]:
    recorded = reference.load("bn")
    folders = [path.parent for path in sorted(records.glob("bn*/steps.npz"))]
    kinds = {folder: read(folder) for folder in folders if folder.name != "bn-checks"}
    views = [measures.view(run) for run in kinds.values() if run.config["study"] == "bn"]
    beside = [studies.read_study(folder, recorded) for folder, run in kinds.items()
              if run.config["study"] in studies.KINDS]  # fmt: skip
    return verdict_table.verdicts(views, recorded, beside).rows if views else ()


def _part(
    report: str, title: str, config: str, members: Sequence[str], found: tuple[Trained, ...],
    lines: Sequence[tuple[str, ...]],
) -> Part:  # fmt: skip
    def finished(trained: Trained, member: str) -> bool:
        return any(entry["id"] in trained.run.summary for entry in trained.entries(member))

    done = sum(any(finished(trained, member) for trained in found) for member in members)
    at_size = sum(any(trained.at_size(member) for trained in found) for member in members)
    known = Counter(line[-1] for line in lines if found and line[-1] in {*Verdict})
    return Part(report, title, config, len(members), done, at_size, found, known)
