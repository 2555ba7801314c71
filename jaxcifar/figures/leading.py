"""Which members a figure shows where there is no room for all: a rule, and words that say it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.figures.inside import Inside
from jaxcifar.figures.records import Records


class Row(NamedTuple):
    """A row of the study and its members, one a seed, that have what is drawn."""

    name: str
    ids: tuple[str, ...]


def rows_of(records: Records, part: Mapping[str, Any]) -> list[Row]:
    """The rows of the study, in its order, whose members have an entry in `part`."""
    found: dict[str, list[str]] = {}
    for member in records.members:
        if member.id in part:
            found.setdefault(member.study_id, []).append(member.id)
    return [Row(name, tuple(ids)) for name, ids in found.items()]


def selection_score(inside: Inside, ids: Sequence[str]) -> float:
    """Mean over seeds of the accuracy that chose the best epoch; NaN where there is none."""
    scores = [inside.summary.get(name, {}).get("validation", {}).get("accuracy") for name in ids]
    known = [score for score in scores if score is not None]
    return float(np.mean(known)) if known else float("nan")


def leading(
    records: Records, inside: Inside, part: Mapping[str, Any], most: int
) -> tuple[list[Row], str]:
    """At most so many rows of the study, and what the figure has to say about the choice.

    All, in the study's order, where they fit; else those with the highest selection accuracy, the
    best first (rows without one last; equals in the study's order).
    """
    rows = rows_of(records, part)
    if len(rows) <= most:
        return rows, ""
    scores = [selection_score(inside, row.ids) for row in rows]
    order = np.argsort([-score for score in scores], kind="stable")  # NaN comes last
    which = "with the highest selection accuracy" if np.isfinite(scores).any() else "listed first"
    drawn = "the member" if most == 1 else f"the {most} members"
    return [rows[i] for i in order[:most]], f"Drawn of {len(rows)}: {drawn} {which}"


def first_seed(rows: Sequence[Row]) -> str:
    """What a figure of single networks says where a row has more seeds than it shows."""
    return "First seed of each" if any(len(row.ids) > 1 for row in rows) else ""
