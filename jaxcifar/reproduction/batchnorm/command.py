"""Remake docs/results/bn.md: train what is not trained yet, then write the page from the records.

    python scripts/reproduce_bn.py --data DIR                  # all studies small, on 2 CPU cores
    python scripts/reproduce_bn.py --data DIR --minutes 40     # stops then; the same line continues
    python scripts/reproduce_bn.py --data DIR --alone \\
        --variants r1,dtype=bfloat16 r0,dtype=bfloat16 r1 default     # on a GPU
    python scripts/reproduce_bn.py --data DIR --variants r1 r0 bn_rates bn_init bn_sgd bn_probe
    python scripts/reproduce_bn.py --data DIR --check R1-bn-bn-1e-4 R1-bn-bn-2e-3
    python scripts/reproduce_bn.py --draw-only --runs docs/results/records     # from kept records

A variant is one of configs/bn.py, or STUDY[:NAME] of another study: bn_rates, bn_init, bn_sgd,
bn_probe. With one seed it is trained with three, unless it is small or quick or --seeds says
otherwise. Finished members never train again. The page names the images by label and SHA-256,
never by place, and the studies that it has no records of.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jaxcifar
from jaxcifar import cli
from jaxcifar.config import replace
from jaxcifar.core import files, signals
from jaxcifar.core.errors import UserError, unknown
from jaxcifar.core.files import CHECKOUT
from jaxcifar.records import folder
from jaxcifar.reproduction import batchnorm, overview_page
from jaxcifar.reproduction.batchnorm.studies import KINDS
from jaxcifar.reproduction.session import (
    StudyRun,
    copy_records,
    gather,
    parser,
    time_limit,
    train,
    use_data,
)

SEEDS = 3  # of a variant that names no number itself
FEW = ("small", "quick")  # variants that have as many as they say
SMALL = ("small", *(f"{name}:small" for name in KINDS))
ALONE_EPOCHS = 3
CHECKS = "bn-checks"  # the run folder of --check


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    args = parse(argv)
    use_data(args.data)
    jobs = [make_job(item, args) for item in args.variants]
    check = make_check(args) if args.check else None
    began, stopped = time.perf_counter(), 0
    if not args.draw_only:
        stopped = train_all(jobs, check, args)
    gather(args.runs)
    try:
        publish([job.workdir for job in jobs], args)
    except UserError as error:
        if not stopped:
            raise
        print(f"no page yet: {error}", file=sys.stderr)
    overview_page.refresh(args)
    print(f"{time.perf_counter() - began:,.0f} s in all")
    return stopped


def publish(workdirs: Sequence[Path], args: argparse.Namespace) -> None:
    """Copy the records of the runs that have some, print their speed, write the page.

    Args: run folders, their groups merged; `runs`, `records` and `out` of a command line.
    Raises: UserError: none has records, or no page can be made of them.
    """
    there = [path for path in workdirs if (path / "steps.npz").exists()]
    if not there:
        raise UserError(f"no records in {args.runs}\ntrain first: leave out --draw-only")
    checks = args.runs / CHECKS
    beside = checks if (checks / "steps.npz").exists() else None
    if args.records is not None:
        for path in filter(None, (*there, beside)):
            copy_records(path, args.records / path.name)
    print(batchnorm.speeds(there))
    print(f"page {batchnorm.write(there, args.out, beside)}")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    found = parser(__doc__ or "")
    add = found.add_argument
    add("--variants", nargs="+", default=list(SMALL), metavar="[STUDY:]NAME[,FIELD=VALUE...]",
        help="of configs/bn.py or configs/STUDY.py, `default` for the nameless one")  # fmt: skip
    add("--check", nargs="+", metavar="MEMBER",
        help="also train these members of :r1 at full width for an epoch")  # fmt: skip
    add("--alone", action="store_true", help="also time one member of each network by itself")
    return found.parse_args(argv)


def make_job(item: str, args: argparse.Namespace) -> StudyRun:
    """The study of ``[STUDY:]NAME[,FIELD=VALUE...]``.

    Raises: UserError: as the training command.
    """
    name, *words = item.split(",")
    file, variant = _file_and_variant(name)
    study = cli.load_study(
        f"{CHECKOUT}/configs/{file}.py{'' if variant == 'default' else f':{variant}'}"
    )
    pairs = [word.partition("=") for word in words]
    study, _ = cli.apply_overrides(study, [(path, value) for path, _, value in pairs])
    seeds = args.seeds or (study.seeds if study.seeds > 1 or variant in FEW else SEEDS)
    study = dataclasses.replace(study, seeds=seeds)
    command = f"python scripts/reproduce_bn.py --variants {item} --seeds {seeds}"
    return StudyRun(study, args.runs / folder.default_workdir(study).name, command)


def _file_and_variant(name: str) -> tuple[str, str]:
    """``r1`` is of configs/bn.py, ``bn_rates:small`` of another, ``bn_rates`` its nameless one."""
    if name in KINDS:
        return name, "default"
    file, _, variant = name.rpartition(":")
    return file or "bn", variant


def make_check(args: argparse.Namespace) -> StudyRun:
    """Some members of :r1, as they are but for the length. Raises: UserError: no such member."""
    study = cli.load_study(f"{CHECKOUT}/configs/bn.py:r1")
    members = {member.id: member for member in study.members}
    if odd := [name for name in args.check if name not in members]:
        raise unknown("member", odd[0], members)
    base = replace(study.base, {"train.epochs": 1, "eval.train": False})
    chosen = tuple(members[name] for name in args.check)
    study = dataclasses.replace(study, base=base, members=chosen, seeds=1)
    command = f"python scripts/reproduce_bn.py --check {' '.join(args.check)}"
    return StudyRun(study, args.runs / CHECKS, command)


def train_all(jobs: Sequence[StudyRun], check: StudyRun | None, args: argparse.Namespace) -> int:
    """Train what is not finished; returns 0, or the exit status of a stop that was asked for."""
    try:
        with time_limit(args.minutes):
            for job in jobs:
                train(job)
                bands = job.study.name not in KINDS
                if args.alone and bands and not (job.workdir / batchnorm.ALONE).exists():
                    time_alone(job)
            if check is not None:
                train(check)
    except signals.Stopped as stop:
        print(stop, file=sys.stderr)
        return 128 + stop.signum
    return 0


def time_alone(job: StudyRun) -> None:
    """Write images a second of a population of one, by network, into the run folder."""
    rates = {}
    for network, norm in batchnorm.NETWORKS.items():
        member = next(m for m in job.study.members if m.overrides["model.norm"] == norm)
        base = replace(job.study.base, {"train.epochs": ALONE_EPOCHS})
        one = dataclasses.replace(job.study, base=base, members=(member,), seeds=1)
        with tempfile.TemporaryDirectory() as scratch:
            results = jaxcifar.train(one, Path(scratch) / "run")
        seconds = [row["seconds"] for row in results.metrics if row["epoch"] % 1 == 0]
        images = member_images(results.summary) / ALONE_EPOCHS
        rates[network] = batchnorm.steady_rate(seconds, images)
    files.write_atomically(job.workdir / batchnorm.ALONE, json.dumps(rates).encode())


def member_images(summary: dict[str, Any]) -> float:
    """How many images a run's only member was trained on, repetitions counted."""
    (row,) = summary["members"].values()
    return row["images_per_second"] * row["seconds"]
