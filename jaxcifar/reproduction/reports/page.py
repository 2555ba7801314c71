"""The page of a report: what it says, in order, from records alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxcifar.core.wording import DASH, known, listed, p_value
from jaxcifar.report.blocks import (
    Block,
    Bullets,
    Column,
    Document,
    Gallery,
    Heading,
    Paragraph,
    Picture,
    Table,
)
from jaxcifar.report.caveats import not_claimed
from jaxcifar.report.sections import warnings
from jaxcifar.report.statistics import spread
from jaxcifar.reproduction.reports import tables
from jaxcifar.reproduction.reports.claims import CLAIMS
from jaxcifar.reproduction.reports.claims.statement import Claim
from jaxcifar.reproduction.reports.lines import Value, lines
from jaxcifar.reproduction.reports.measures import values
from jaxcifar.reproduction.reports.runs import Trained, sizes
from jaxcifar.reproduction.verdicts import RULE, Finding, Judgement, judge

Reference = Mapping[str, Any]
Runs = Mapping[str, Sequence[Trained]]  # by config; who speaks first comes first

READ_OFF = (
    "A value with ~ was read off a plot, to about a point: it counts as reproduced if any value "
    "within a point of it lies in the interval. Differences are from the middle of a range."
)
PRINTED = (
    "What figures print of all rows has two digits: it counts as reproduced if any value that "
    "rounds to it lies in the interval."
)
PAIRED = (
    "Paired test over seeds, p values corrected together. {} their seeds with the first: the same "
    "order of images, and the same first weights where networks agree."
)
APART = " {} their own: there, pairs are independent runs, which makes the test no sharper."


def document(
    reference: Reference, runs: Runs, pictures: Mapping[str, Sequence[Picture]]
) -> Document:
    """The page of a report; `pictures` by the names of the runs."""
    blocks: list[Block] = [
        Paragraph(f"{reference['common']} Each table and figure of the report stands here beside "
                  "our own runs. All of it is made from records by one command."),
        Heading("What was run"),
        tables.overview(reference["tables"], runs),
        Heading("Claims to test"),
        verdicts(CLAIMS[reference["report"]], runs),
        Paragraph(RULE, "note"),
    ]  # fmt: skip
    shown = 0
    for table in reference["tables"]:
        blocks += _table(table, runs.get(table["config"], ()))
    for name in dict.fromkeys(table["config"] for table in reference["tables"]):
        for trained in runs.get(name, ()):
            numbered = [
                picture._replace(name=f"Figure {shown + place}")
                for place, picture in enumerate(pictures.get(trained.name, ()), 1)
            ]
            shown += len(numbered)
            blocks += _figures(trained, numbered)
    blocks += _limits(runs)
    return Document(f"{reference['report']}: {reference['title']}", tuple(blocks))


def verdicts(claims: Sequence[Claim], runs: Runs) -> Table:
    """Every claim with its verdict, beside what was measured; corrected together."""
    judged = judge([_finding(claim, runs) for claim in claims])
    columns = (
        Column("Claim", numeric=False), Column("Run", numeric=False), Column("Unit", numeric=False),
        Column("Published"), Column("Ours: mean over seeds"), Column("n"),
        Column("95 % prediction interval"), Column("p (Holm)"), Column("Verdict", numeric=False),
    )  # fmt: skip
    rows = [_claim(claim, runs, found) for claim, found in zip(claims, judged, strict=True)]
    return Table(columns, tuple(rows))


def _speaker(config: str, runs: Runs) -> Trained | None:
    return next(iter(runs.get(config, ())), None)


def _finding(claim: Claim, runs: Runs) -> Finding:
    speakers = [(_speaker(cell.config, runs), cell) for cell in claim.cells]
    found = [values(trained, cell) if trained else () for trained, cell in speakers]
    if not found or len({len(row) for row in found}) > 1 or not found[0]:
        return Finding((), at_size=False)
    at_size = all(
        trained is not None and trained.at_size(cell.member) for trained, cell in speakers
    )
    ours = tuple(map(float, claim.combine(*found)))
    return Finding(ours, _nearest(claim, ours), claim.sign, at_size, claim.resolution)


def _nearest(claim: Claim, ours: Sequence[float]) -> float | None:
    """What a claim's value may be that is nearest to our mean; None where its sign is judged."""
    mean = spread(ours).mean
    if claim.value is None or not known(mean):
        return claim.value
    return Value(claim.value, claim.value, slack=claim.slack).nearest(mean)


def _claim(claim: Claim, runs: Runs, found: Judgement) -> tuple[str, ...]:
    show = claim.shown_in.show
    speakers = [_speaker(config, runs) for config in dict.fromkeys(c.config for c in claim.cells)]
    low, high = found.interval
    return (
        claim.text, ", ".join(trained.name for trained in speakers if trained) or DASH,
        claim.shown_in.name or DASH, show(claim.published), show(found.spread.mean),
        str(found.spread.n), f"{show(low)} to {show(high)}" if known(low) else DASH,
        p_value(found.p), found.verdict.value,
    )  # fmt: skip


def _table(table: Mapping[str, Any], runs: Sequence[Trained]) -> list[Block]:
    """A table or figure of the report: published beside each of our runs of it."""
    config = f"configs/{table['config']}.py:{table['variant']}"
    blocks: list[Block] = [Heading(table["title"])]
    if table.get("note"):
        blocks.append(Paragraph(table["note"], "note"))
    if not runs:
        return [*blocks, Paragraph(f"Not run. Its config is {config}.", "warning"),
                tables.beside(table, None)]  # fmt: skip
    for trained in runs:
        blocks += _beside(table, trained)
    loose = [line.value for line in lines(table) if line.value and line.value.slack]
    notes = dict.fromkeys(READ_OFF if value.read else PRINTED for value in loose)
    return blocks + [Paragraph(text, "note") for text in notes]


def _beside(table: Mapping[str, Any], trained: Trained) -> list[Block]:
    members = [row["member"] for row in table["rows"]]
    blocks: list[Block] = [*warnings(trained.run)]
    if odd := sizes(trained, members):
        text = f"{trained.name} is not of the published size: {'; '.join(odd)}."
        blocks.append(Paragraph(text, "warning"))
    else:
        blocks.append(Paragraph(f"{trained.name} has the published settings."))
    blocks.append(tables.beside(table, trained))
    if found := tables.comparisons(table, trained):
        blocks += [found, Paragraph(_paired(table, trained), "note")]
    return [*blocks, tables.facts(trained)]


def _paired(table: Mapping[str, Any], trained: Trained) -> str:
    """What a pair of the test has in common: seeds, but for the rows that have their own."""
    apart = tables.other_seeds(table, trained)
    if not apart:
        return PAIRED.format("Rows share")
    have = "has" if len(apart) == 1 else "have"
    return PAIRED.format("Other rows share") + APART.format(f"{listed(apart)} {have}")


def _figures(trained: Trained, pictures: Sequence[Picture]) -> list[Block]:
    if not pictures:
        return []
    return [Heading(f"Figures of {trained.name}"), Gallery(tuple(pictures))]


def _limits(runs: Runs) -> list[Block]:
    """What must not be concluded: each sentence once, with the runs it holds of."""
    said: dict[str, list[str]] = {}
    for rows in runs.values():
        for trained in rows:
            for sentence in not_claimed(trained.run):
                said.setdefault(sentence, []).append(trained.name)
    if not said:
        return [Heading("What is not claimed"), Paragraph("Nothing was run, so nothing.")]
    every = sum(map(len, runs.values()))
    items = [text if len(names) == every else f"{', '.join(names)}: {text}"
             for text, names in said.items()]  # fmt: skip
    return [Heading("What is not claimed"), Bullets(tuple(items))]
