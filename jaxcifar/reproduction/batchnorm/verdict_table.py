"""Every claim of the reports with its verdict, beside what the runs measured."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxcifar.core.wording import DASH, known, p_value
from jaxcifar.report.blocks import Column, Table
from jaxcifar.reproduction.batchnorm.claims import claims
from jaxcifar.reproduction.batchnorm.measures import View
from jaxcifar.reproduction.batchnorm.published_size import departures
from jaxcifar.reproduction.batchnorm.statement import Claim
from jaxcifar.reproduction.batchnorm.studies import Study
from jaxcifar.reproduction.verdicts import Finding, Judgement, judge

Reference = Mapping[str, Any]
Source = View | Study


def verdicts(views: Sequence[View], reference: Reference, studies: Sequence[Study] = ()) -> Table:
    """Every claim of the reports with its verdict, beside what our runs measured."""
    rows = [
        (claim, source)
        for claim in claims(reference)
        for source in _speakers(claim, [*views, *studies], reference)
    ]
    judged = judge([_finding(claim, source, reference) for claim, source in rows])
    columns = (
        Column("Report", numeric=False), Column("Claim", numeric=False),
        Column("Run", numeric=False), Column("Unit", numeric=False), Column("Recorded"),
        Column("Ours: mean over seeds"), Column("n"), Column("95 % prediction interval"),
        Column("p (Holm)"), Column("Verdict", numeric=False),
    )  # fmt: skip
    lines = [_line(claim, run, found) for (claim, run), found in zip(rows, judged, strict=True)]
    return Table(columns, tuple(lines))


def _speakers(
    claim: Claim, sources: Sequence[Source], reference: Reference
) -> Sequence[Source | None]:
    """The study's runs at the published size; without such, all of it; None where there is none."""
    of_study = [source for source in sources if _study(source) == claim.study]
    at_size = [source for source in of_study if not _odd(source, claim, reference)]
    found = at_size or of_study
    return found if found else [None]


def _study(source: Source) -> str:
    return source.kind if isinstance(source, Study) else "bn"


def _odd(source: Source, claim: Claim, reference: Reference) -> tuple[str, ...]:
    if isinstance(source, Study):
        return source.odd
    return departures(source, reference, claim.report)


def _finding(claim: Claim, source: Source | None, reference: Reference) -> Finding:
    if source is None or source.run.unfinished:
        return Finding((), at_size=False)  # half a run measures something else
    ours = tuple(map(float, claim.measure(source)))
    at_size = not _odd(source, claim, reference)
    published = None if claim.sign else claim.published
    return Finding(ours, published, claim.sign, at_size, claim.resolution)


def _line(claim: Claim, source: Source | None, found: Judgement) -> tuple[str, ...]:
    unit, (low, high) = claim.unit, found.interval
    return (
        claim.report, claim.text, source.name if source else DASH, unit.name or DASH,
        unit.show(claim.published), unit.show(found.spread.mean), str(found.spread.n),
        f"{unit.show(low)} to {unit.show(high)}" if known(low) else DASH, p_value(found.p),
        found.verdict.value,
    )  # fmt: skip
