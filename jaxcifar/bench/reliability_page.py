"""docs/reliability.md: what is promised of faults, the tests that prove it, how much they tried.

    python -m pytest --junitxml=build/tests.xml
    python scripts/reliability.py build/tests.xml

Everything is counted from a run's report; of several, a test counts as the last one has it.
"""

import argparse
import platform
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from jaxcifar.bench.cost_page import table
from jaxcifar.core.errors import UserError
from jaxcifar.core.files import CHECKOUT, given, write_atomically

PAGE = CHECKOUT / "docs" / "reliability.md"

PROMISES = {
    "T1": "A run that is killed (SIGKILL) at any moment and started again gives the bits of one "
    "that was not: weights, and records but for `seconds`. No line is lost or doubled, and no more "
    "than one save interval of work.",
    "T2": "SIGINT and SIGTERM save at the next cut, status 130 or 143; a second one leaves at "
    "once, and what was saved is whole.",
    "T3": "A full disk, or a run folder that is taken away: looked for before the first step, told "
    "by path and free bytes later; the last checkpoint stays, and the run goes on from it.",
    "T4": "A checkpoint whose files are cut, emptied, gone or differ by a bit is named by the "
    "file, and the one before is taken; none is loaded.",
    "T5": "A checkpoint of another network, optimizer, precision or population is refused by its "
    "first leaf that differs, with both shapes.",
    "T6": "Cut and continued at any step, whatever is switched on: 0 ULP.",
    "T7": "Continued on other devices or in another lane only if asked for; draws are the same, "
    "float64 within 1e-9 after 20 steps.",
    "T8": "A member that meets NaN or Inf is frozen at that step and named; the others' bits stay "
    "as they are, and tables and figures mark it.",
    "T9": "Every config field misspelt, of a wrong type, out of range or without effect is "
    "refused before data is read, in at most three lines.",
    "T10": "Images that are cut, swapped, misshapen, mislabelled or missing are refused or named.",
    "T11": "Nothing hostile is executed, written outside of its place, or shown unescaped.",
    "T12": "One process trains a group: a second is told which one; a dead one's lock is free.",
    "T13": "What no memory holds, containers' limits counted, is refused before training, with "
    "what to lower.",
    "T14": "Without a network: told within 10 s, with the way out; nothing half-written counts.",
    "T15": "A compile cache that is corrupt or open to others changes no number.",
    "T16": "Odd names, another locale, no home, a clock set back: the same numbers.",
    "T17": "Broken records: figures show the gap, the report names it.",
    "T18": "A tracker that fails warns once and leaves training alone.",
    "T19": "BatchNorm stays finite on hard inputs, its statistics within 1e-3 of float64.",
    "T20": "Configs, images and records at random bytes: no traceback, no hang.",
    "T21": "Steps leave no memory behind.",
    "T22": "The same command twice gives the same bits.",
}


class Proof(NamedTuple):
    """A test function of a promise, over all its cases."""

    promise: str
    test: str  # tests/room/test_file.py::test_name
    tried: int  # cases that passed, as the test itself counts them
    outcomes: Mapping[str, int]  # "passed", "failed", "skipped" -> cases


def proofs(reports: Iterable[Path]) -> list[Proof]:
    """What JUnit reports of pytest tell of tests with a `reliability` marker.

    Raises: UserError: a report is missing, or no such report.
    """
    cases = {name: case for path in reports for name, case in _cases(path).items()}
    found: dict[tuple[str, str], Counter[str]] = {}
    for name, case in cases.items():
        told = [(p.get("name"), p.get("value") or "") for p in case.iter("property")]
        outcome = _outcome(case)
        tried = sum(int(value) for key, value in told if key == "tried") or 1
        for promise in (value for key, value in told if key == "reliability"):
            counts = found.setdefault((promise, name.partition("[")[0]), Counter())
            counts[outcome] += 1
            counts["tried"] += tried if outcome == "passed" else 0
    return [Proof(*place, counts.pop("tried", 0), dict(counts)) for place, counts in found.items()]


def _cases(path: Path) -> dict[str, ET.Element]:
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as error:
        raise UserError(
            f"{path} is no report of tests: {error}\nwrite one: pytest --junitxml={path}"
        ) from None
    return {
        f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}": case
        for case in root.iter("testcase")
    }


def _outcome(case: ET.Element) -> str:
    for outcome, kinds in {"failed": ("failure", "error"), "skipped": ("skipped",)}.items():
        if any(case.find(kind) is not None for kind in kinds):
            return outcome
    return "passed"


def page(found: Sequence[Proof]) -> str:
    """The page, as Markdown."""
    rows = [row for promise in PROMISES for row in _rows(promise, found)]
    shown = table(("Promise", "Tests", "Tried", "Outcome"), rows)
    versions = ", ".join(f"{name} {version(name)}" for name in ("jax", "flax", "orbax-checkpoint"))
    return (
        "# Reliability\n\nWhat is promised of faults and bad input, each proved by injecting it. "
        "Written by `python scripts/reliability.py`\nfrom the report of a run of the tests "
        f"(Python {platform.python_version()}, {versions}), which `make test-all` makes.\n"
        "\"Tried\" counts cases that passed: a test's own count where it tries many.\n\n"
        f"{shown}\n"
    )  # fmt: skip


def _rows(promise: str, found: Sequence[Proof]) -> list[tuple[str, ...]]:
    mine = sorted((p for p in found if p.promise == promise), key=lambda proof: proof.test)
    total = sum(proof.tried for proof in mine)
    head = (f"**{promise}** {PROMISES[promise]}", "", f"**{total:,}**", "" if mine else "not run")
    return [head, *(("", f"`{p.test}`", f"{p.tried:,}", _words(p.outcomes)) for p in mine)]


def _words(outcomes: Mapping[str, int]) -> str:
    if set(outcomes) == {"passed"}:
        return "passed"
    return ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))


def main(argv: Sequence[str]) -> int:
    """Write the page from reports; returns 1 where a proof failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("reports", nargs="+", type=given, help="JUnit reports of pytest")
    parser.add_argument("--out", type=given, default=PAGE, help="the page")
    args = parser.parse_args(argv)
    found = proofs(args.reports)
    write_atomically(args.out, page(found).encode())
    print(f"{args.out}: {sum(proof.tried for proof in found):,} cases of {len(found)} tests")
    return int(any(proof.outcomes.get("failed") for proof in found))
