"""Remake the pages of the study reports: train what is not trained yet, then write from records.

    python scripts/reproduce.py --data DIR --minutes 50          # the same line carries on
    python scripts/reproduce.py --data DIR --reports R3 R4       # these only
    python scripts/reproduce.py --data DIR --variant quick       # every row, in its short form
    python scripts/reproduce.py --draw-only                      # pages from what is there

Reports come in the order R0, R3, R4, R1, R2 and their configs in the order of their tables.
Finished members never train again. R0 and R1 share the page of their BatchNorm study, which holds
all runs of it. A config that cannot be trained, or a page that cannot be written, is named, and the
others go on.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from jaxcifar import cli
from jaxcifar.core import signals
from jaxcifar.core.errors import UserError
from jaxcifar.core.files import CHECKOUT
from jaxcifar.records import folder
from jaxcifar.reproduction import overview_page, reference, reports
from jaxcifar.reproduction.batchnorm import command
from jaxcifar.reproduction.session import (
    StudyRun,
    copy_records,
    gather,
    parser,
    time_limit,
    train,
    use_data,
)

REPORTS = ("R0", "R3", "R4", "R1", "R2")
BN = {"R0": "r0", "R1": "r1"}  # variants of configs/bn.py that belong to a report


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    args = parse(argv)
    use_data(args.data)
    began = time.perf_counter()
    status = 0 if args.draw_only else train_all(args)
    gather(args.runs)
    pages = {report: partial(publish, report, args) for report in args.reports}
    if BN.keys() & {*args.reports}:
        pages["bn"] = partial(publish_bn, args)  # once: each of the two would replace the other's
    told = [attempt(name, write) for name, write in pages.items()]
    overview_page.refresh(args)
    print(f"{time.perf_counter() - began:,.0f} s in all")
    return status or max(told)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    found = parser(__doc__ or "")
    add = found.add_argument
    add("--reports", nargs="+", default=list(REPORTS), choices=REPORTS, help="default: all five")
    add("--configs", nargs="+", help="only these configs, by the names of their files")
    add("--variant", default="published", choices=("published", "asrun", "clean", "quick"),
        help="of every config; default: published, as its table asks for")  # fmt: skip
    return found.parse_args(argv)


def jobs(args: argparse.Namespace) -> Iterator[StudyRun]:
    """What is to be trained, in order."""
    for report in args.reports:
        for table in reports.configs(report):
            name, variant = table.config, table.variant
            if args.configs is None or name in args.configs:
                asked = variant if args.variant == "published" else args.variant
                yield make_job(name, None if asked == "clean" else asked, args)
        if report in BN and args.variant == "published" and args.configs is None:
            yield command.make_job(BN[report], args)


def make_job(config: str, variant: str | None, args: argparse.Namespace) -> StudyRun:
    """The study of a config's variant and the folder it is trained in."""
    text = f"configs/{config}.py{f':{variant}' if variant else ''}"
    study = cli.load_study(f"{CHECKOUT}/{text}")
    if args.seeds:
        study, _ = cli.apply_overrides(study, [("seeds", str(args.seeds))])
    return StudyRun(study, args.runs / folder.default_workdir(study).name,
               f"python scripts/reproduce.py --configs {config} --variant {variant or 'clean'}"
               f" --seeds {study.seeds}")  # fmt: skip


def train_all(args: argparse.Namespace) -> int:
    """Train what is not finished.

    Returns: 0; 2 where a config could not be trained; the status of a stop that was asked for.
    """
    status = 0
    try:
        with time_limit(args.minutes):
            for job in jobs(args):
                status = max(status, attempt(job.workdir.name, partial(train, job)))
    except signals.Stopped as stop:
        print(stop, file=sys.stderr)
        return 128 + stop.signum
    return status


def attempt(name: str, work: Callable[[], object]) -> int:
    """Do something; where the user has to mend what it needs, say so. Returns: 0, or else 2."""
    try:
        work()
    except UserError as error:
        print(f"error: {name}: {error}", file=sys.stderr)
        return 2
    return 0


def publish(report: str, args: argparse.Namespace) -> None:
    """Copy the records of a report's runs, and write its pages."""
    studies = {
        table.config: cli.load_study(f"{CHECKOUT}/configs/{table.config}.py:{table.variant}")
        for table in reports.configs(report)
    }
    found = reports.find(args.runs, studies)
    if args.records is not None:
        for trained in (trained for rows in found.values() for trained in rows):
            copy_records(trained.folder, args.records / trained.folder.name)
    for path in reports.write(reference.load(report.lower()), found, args.out):
        print(f"page {path}")


def publish_bn(args: argparse.Namespace) -> None:
    """Copy the records of all runs of the reports' BatchNorm studies, and write their page."""
    found = [path.parent for variant in BN.values()
             for path in sorted(args.runs.glob(f"bn-{variant}-*/steps.npz"))]  # fmt: skip
    if found:
        command.publish(found, args)
