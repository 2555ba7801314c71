"""Teeth of the tests: small changes of the code, one at a time; a test must notice each.

    python scripts/mutate.py --count 300                 # of all rooms, the same ones every time
    python scripts/mutate.py --rooms losses bands --count 40

Every mutant is tried in a copy of the checkout by the fast tests of its room. What was tried is
appended to a file and not tried again, so that a long run may be cut.
"""

import argparse
import ast
import copy
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar.core.files import CHECKOUT, given


class Room(NamedTuple):
    """Code, and the fast tests that hold it."""

    sources: tuple[str, ...]  # files, or folders of them, below jaxcifar/
    tests: tuple[str, ...]  # likewise below tests/


ROOMS = {
    "losses": Room(("losses",), ("losses",)),
    "schedules": Room(("schedules",), ("schedules",)),
    "optim": Room(("optim",), ("optim", "programs/test_train_step.py")),
    "scoring": Room(("evaluation/scoring.py", "programs/score_step.py",
                     "programs/answer_counts.py"),
                    ("programs/test_train_step.py", "programs/test_answer_counts.py",
                     "evaluation/test_scoring.py", "training/test_engine.py")),
    "statistics": Room(("evaluation/batch_norm.py", "report/statistics.py"),
                       ("optim/test_averaging.py", "report/test_report_tables.py")),
    "verdicts": Room(("reproduction/verdicts.py",), ("reproduction/test_verdicts.py",)),
    "bands": Room(("records/bands.py",), ("records/test_bands.py",)),
    "checkpoints": Room(("checkpoints/seals.py", "checkpoints/snapshots.py"),
                        ("checkpoints/test_snapshots.py", "checkpoints/test_damage.py",
                         "checkpoints/test_strangers.py")),
    "cursor": Room(("training/engine.py", "training/book.py", "core/types.py"),
                   ("training/test_engine.py", "config/test_stages.py", "planning/test_plan.py")),
    "readers": Room(("data/formats", "data/splits.py"),
                    ("data/test_readers.py", "data/test_pickle_opcodes.py", "data/test_tfds.py",
                     "data/test_splits.py")),
}  # fmt: skip

SWAPS: dict[type, Any] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Add, ast.Pow: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
}  # fmt: skip


CHANGED = (ast.Compare, ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.Call, ast.IfExp)


class Mutant(NamedTuple):
    """A change of one place of a file."""

    room: str
    path: str  # below jaxcifar/
    place: tuple[int, int, int, int]  # its first line and column in bytes, and its last
    before: str  # source of the place, on one line
    after: str

    @property
    def name(self) -> str:
        """What tells it from others, the same every time."""
        return f"{self.path}:{self.place[0]}: {self.before}  ->  {self.after}"

    def of(self, source: str) -> str:
        """The file, changed."""
        lines = source.splitlines(keepends=True)
        first, start, last, end = self.place
        head = lines[first - 1].encode()[:start].decode()
        tail = lines[last - 1].encode()[end:].decode()
        return "".join([*lines[: first - 1], head + self.after + tail, *lines[last:]])


def mutants(room: str, path: Path) -> Iterator[Mutant]:
    """Every change of a file that is tried, in the order of its lines."""
    source = path.read_text()
    tree = ast.parse(source)
    skipped = {id(part) for node in ast.walk(tree) for part in _untried(node)}
    name = path.relative_to(CHECKOUT / "jaxcifar").as_posix()
    for node in ast.walk(tree):
        if id(node) in skipped or not isinstance(node, ast.expr | ast.stmt):
            continue
        for changed in _changes(node):
            before = ast.get_source_segment(source, node) or ""
            after = ast.unparse(changed)
            after = f"({after})" if isinstance(node, ast.expr) else after
            place = (node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)
            yield Mutant(room, name, place, " ".join(before.split()), after)


def _untried(node: ast.AST) -> Iterator[ast.AST]:
    """Parts that decide nothing: annotations, decorators, and words of what is raised."""
    parts: list[ast.AST | None] = []
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        parts += node.decorator_list
    if isinstance(node, ast.FunctionDef):
        parts.append(node.returns)
    if isinstance(node, ast.arg | ast.AnnAssign):
        parts.append(node.annotation)
    if isinstance(node, ast.Raise | ast.JoinedStr):
        parts.append(node)
    for part in parts:
        yield from ast.walk(part) if part is not None else ()


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """A node's changed copies."""
    if isinstance(node, ast.Constant):
        yield from _other_constants(node.value)
    elif isinstance(node, ast.Continue | ast.Break):
        yield ast.Pass()
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield ast.Pass()
    elif isinstance(node, CHANGED):
        yield from _turned(copy.deepcopy(node))


def _other_constants(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)


def _turned(node: Any) -> Iterator[ast.AST]:
    """An operation with another operator, a call without its last keyword, a choice turned."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        node.ops[0] = SWAPS[type(node.ops[0])]()
        yield node
    elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
        node.op = SWAPS[type(node.op)]()
        yield node
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.Call) and node.keywords:
        node.keywords.pop()
        yield node
    elif isinstance(node, ast.IfExp):
        node.body, node.orelse = node.orelse, node.body
        yield node


def files_of(room: str) -> list[Path]:
    """The files of a room, in the order of their names."""
    places = [CHECKOUT / "jaxcifar" / name for name in ROOMS[room].sources]
    return [file for place in places
            for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]  # fmt: skip


def sample(rooms: Sequence[str], count: int, seed: int) -> list[Mutant]:
    """So many mutants, drawn evenly over the rooms; the same for the same code and seed."""
    rng = random.Random(seed)
    pools = [[m for file in files_of(room) for m in mutants(room, file)] for room in rooms]
    for pool in pools:
        rng.shuffle(pool)
    most = max(map(len, pools))
    turns = [pool[turn] for turn in range(most) for pool in pools if turn < len(pool)]
    return turns[:count]


def killed(mutant: Mutant, checkout: Path, seconds: int) -> bool:
    """Whether a fast test of its room fails, or does not come to an end."""
    place = checkout / "jaxcifar" / mutant.path
    whole = place.read_text()
    place.write_text(mutant.of(whole))
    tests = [f"tests/{name}" for name in ROOMS[mutant.room].tests]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow", "-p",
               "no:cacheprovider", *tests]  # fmt: skip
    try:
        done = subprocess.run(command, cwd=checkout, capture_output=True, timeout=seconds)
        return done.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        place.write_text(whole)


def main(argv: Sequence[str]) -> int:
    """Try mutants; returns 1 where fewer than nine in ten were killed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=list(ROOMS))
    parser.add_argument("--count", type=int, default=300, help="how many, over all rooms")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--seconds", type=int, default=600, help="that one may take")
    parser.add_argument("--out", type=given, default=CHECKOUT / "build" / "mutants.jsonl")
    args = parser.parse_args(argv)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    lines = args.out.read_text().splitlines() if args.out.exists() else []
    known = {row["mutant"]: row["killed"] for row in map(json.loads, lines)}
    drawn = sample(args.rooms, args.count, args.seed)
    with tempfile.TemporaryDirectory() as place:
        checkout = Path(place) / "checkout"
        away = shutil.ignore_patterns(
            ".git", ".venv*", "build", "runs", "*.egg-info", "__pycache__"
        )
        shutil.copytree(CHECKOUT, checkout, ignore=away)
        for number, mutant in enumerate(drawn, start=1):
            if mutant.name not in known:
                known[mutant.name] = killed(mutant, checkout, args.seconds)
                with args.out.open("a") as out:
                    row = {"mutant": mutant.name, "room": mutant.room}
                    print(json.dumps(row | {"killed": known[mutant.name]}), file=out)
            word = "killed  " if known[mutant.name] else "SURVIVED"
            print(f"{number}/{len(drawn)} {word} {mutant.name}", flush=True)
    count = sum(known[mutant.name] for mutant in drawn)
    print(f"{count} of {len(drawn)} killed, {count / len(drawn):.0%}")
    return int(count < 0.9 * len(drawn))
