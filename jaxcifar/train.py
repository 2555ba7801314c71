"""``python -m jaxcifar.train``: trains every member of a study, resumes by itself, scores, draws.

``jaxcifar.train`` is the function of that name below, also where this module was imported.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro import conf

from jaxcifar import cli
from jaxcifar.config import Config, Study
from jaxcifar.core.errors import IncompleteError

if TYPE_CHECKING:
    from jaxcifar.training.train_study import Results

USAGE = (
    "python -m jaxcifar.train --config configs/bn.py[:variant] [--config.a.b=VALUE ...] "
    "[--workdir DIR] [--dry-run] [--only-group ID] [--no-report] "
    "[--tracker tensorboard,wandb] [--coordinator HOST:PORT --process-id I --process-count N] "
    "[--debug]"
)


STAGES = (
    "Later stages of a run: --config.stages.0.at=0.8 --config.stages.0.optim.name=sgd changes the "
    "optimizer after 0.8 of the epochs; every field below can be changed so. Several values of one "
    "field are separated by commas: --config.data.augment=hflip,crop."
)

TOGETHER = ("coordinator", "process_id", "process_count")
"""Flags by which one of several processes finds the others."""

Switch = Annotated[bool, conf.FlagCreatePairsOff]
"""Given or not: the command knows no ``--no-...`` of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainFlags:
    """Flags of the command, for its help text."""

    config: Annotated[Config, conf.FlagConversionOff] = field(default_factory=Config)
    """Fields that all members share; --config FILE[:variant] names the study itself."""
    seeds: Annotated[int, conf.arg(name="config.seeds")] = 1
    """How many seeds each member is trained with."""
    workdir: Path | None = None
    """Run folder; default runs/<study>-<variant>-<hash>."""
    dry_run: Switch = False
    """Print groups, members, steps, and what time and memory they will cost; train nothing."""
    only_group: str | None = None
    """Train one group, so that groups can run side by side."""
    no_report: Switch = False
    """Draw no figures and write no report; python -m jaxcifar.report does it from the records."""
    tracker: str = ""
    """Show the records while training, too: tensorboard, wandb or both, separated by a comma."""
    coordinator: str | None = None
    """Where the first of several processes listens; found by itself under srun and mpirun."""
    process_id: int | None = None
    """Which of several processes this is, from 0."""
    process_count: int | None = None
    """How many processes train together."""
    debug: Switch = False
    """Show tracebacks of mistakes too."""


COMMAND = cli.Command(
    USAGE, f"Train a study. {STAGES}",
    flags=("config", "workdir", "only_group", "tracker", *TOGETHER),
    switches=("dry_run", "no_report"),
    required=("config",), fields=None, shown=TrainFlags,
)  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    flags = cli.command(argv, COMMAND)
    study = cli.load_study(flags.plain["config"])
    study, notes = cli.apply_overrides(study, flags.overrides)
    for note in notes:
        print(note, file=sys.stderr)  # noqa: T201
    return _train(study, flags, "python -m jaxcifar.train " + shlex.join(argv))


def _train(study: Any, flags: cli.Flags, command: str) -> int:
    from jaxcifar import report, trackers
    from jaxcifar.core import processes, setup, signals
    from jaxcifar.planning import dry_run, prepare
    from jaxcifar.training import train_study

    names = trackers.named(flags.plain.get("tracker", ""))
    setup.prepare(study.base.deterministic)
    index, count = (flags.number(name, int) for name in TOGETHER[1:])
    processes.join(flags.plain.get(TOGETHER[0]), index, count)
    workdir = flags.path("workdir")
    with processes.missed():
        prepared = processes.together(lambda: prepare.prepare(study, workdir))
    if flags.on("dry_run"):
        if processes.leads():
            print(dry_run.describe(prepared))  # noqa: T201
        return 0
    with trackers.start(names if processes.leads() else ()) as tracked:
        try:
            results = train_study.train_prepared(
                prepared, flags.plain.get("only_group"), command, tracked.watch
            )
        except signals.Stopped as stop:
            print(stop, file=sys.stderr)  # noqa: T201
            return 128 + stop.signum
        led = processes.leads()
        processes.leave()
        if not led:
            return 0
        said, undrawn = f"records in {results.workdir}", None
        if not flags.on("no_report"):
            try:
                report.write(results.workdir)  # draws the figures too
            except IncompleteError as error:
                undrawn = error
            tracked.figures(results.workdir)
            place, page = results.workdir / "figures", results.workdir / "report.md"
            said = f"figures in {place}, report in {page}"
        print(report.table(results.workdir), said, sep="\n")  # noqa: T201
    if undrawn is not None:
        raise undrawn  # the run is done, and so is the rest of its report
    return 0


def train(
    study: Study, workdir: Path | str | None = None, trackers: Sequence[str] = (), *,
    only_group: str | None = None, command: str = "jaxcifar.train(study)",
) -> "Results":  # fmt: skip
    """Train every member of a study that is not trained yet, score it, and write the records.

    The same call continues a run that was cut anywhere, with the same bits.

    Args:
        study: a `jaxcifar.config.Study`: a base config, members and seeds.
        workdir: the run folder; None = ``runs/<study>-<variant>-<hash>``.
        trackers: also show the records there while training, such as ("tensorboard",).
        only_group: id of the one group to train, so that groups can run side by side.
        command: what environment.json tells of how it was called.

    Returns: `jaxcifar.training.train_study.Results`: ``workdir``; ``summary`` with the test scores
        (accuracies in [0, 1], losses in nats); ``metrics``, a row a member and evaluation;
        ``steps``, arrays (members, steps). Of several groups those of all that there are.

    Raises: UserError: a mistake in the study or the folder. Stopped: SIGINT or SIGTERM came;
        everything so far is saved, and the same call continues.

    >>> base = replace(Config(), {"data.name": "synthetic", "model.name": "cnn"})
    >>> results = jaxcifar.train(Study("mine", base, sweep({"optim.lr": (1e-3, 1e-2)})))
    >>> results.summary["members"]["lr=0.001"]["test"]["best"]
    """
    from jaxcifar.trackers import start
    from jaxcifar.training import train_study

    with start(trackers) as tracked:
        return train_study.train(study, workdir, only_group, command, tracked.watch)


train.main = main  # type: ignore[attr-defined]  # `from jaxcifar import train` is this function

if __name__ == "__main__":
    from jaxcifar.core import processes

    with processes.departing():
        sys.exit(cli.run(main))
