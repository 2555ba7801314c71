"""Which members a figure shows where there is no room for all: a rule, and words that say it."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside

LONG = 20  # letters of a name that fit anywhere
_EXPONENT = re.compile(r"\d\.?e$")


class Row(NamedTuple):
    """A row of the study and its members, one a seed, that have what is drawn."""

    name: str
    ids: tuple[str, ...]
    label: str  # the name, without the beginning that all have in common where they are long


def rows_of(records: Records, part: Mapping[str, Any]) -> list[Row]:
    """The rows of the study, in its order, whose members have an entry in `part`."""
    found: dict[str, list[str]] = {}
    for member in records.members:
        if member.id in part:
            found.setdefault(member.study_id, []).append(member.id)
    start = common_start(records)
    return [Row(name, tuple(ids), name.removeprefix(start)) for name, ids in found.items()]


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
    names = names_note(records)
    if len(rows) <= most:
        return rows, names
    scores = [selection_score(inside, row.ids) for row in rows]
    order = np.argsort([-score for score in scores], kind="stable")  # NaN comes last
    which = "with the highest selection accuracy" if np.isfinite(scores).any() else "listed first"
    drawn = "the member" if most == 1 else f"the {most} members"
    note = f"Drawn of {len(rows)}: {drawn} {which}"
    return [rows[i] for i in order[:most]], ". ".join(filter(None, [note, names]))


def common_start(records: Records) -> str:
    """The words that all names of a study begin with, or "" where no name is long."""
    names = list(dict.fromkeys(member.study_id for member in records.members))
    if len(names) < 2 or max(map(len, names)) <= LONG:
        return ""
    words = [name.split("-") for name in names]
    common = list(os.path.commonprefix([row[:-1] for row in words]))
    while common and _EXPONENT.search(common[-1]):  # 1e-4 is one word
        common.pop()
    return "".join(f"{word}-" for word in common)


def names_note(records: Records) -> str:
    """What a figure says where it leaves out a common beginning of names."""
    start = common_start(records)
    return f'Names without "{start}"' if start else ""


def first_seed(rows: Sequence[Row]) -> str:
    """What a figure of single networks says where a row has more seeds than it shows."""
    return "First seed of each" if any(len(row.ids) > 1 for row in rows) else ""
