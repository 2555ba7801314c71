"""What the scripts that reproduce reports share: flags, training, a time limit, keeping records."""

import argparse
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar.config import Study
from jaxcifar.core import files, setup, signals
from jaxcifar.core.files import CHECKOUT, given
from jaxcifar.planning import prepare
from jaxcifar.records import folder
from jaxcifar.training import train_study

KEPT = (
    "config.json", "environment.json", "metrics.jsonl", "steps.npz", "summary.json", "alone.json",
    "groups/*/summary.json", "groups/*/test.npz", "groups/*/histograms.npz", "groups/*/probes.npz",
    "groups/*/step_probes.npz", "groups/*/covariate_shift.npz",
    "groups/*/activations.npz", "landscape/*.npz",
)  # fmt: skip


def parser(text: str) -> argparse.ArgumentParser:
    """A command line with the flags that the scripts share; `text` is the script's docstring."""
    words = text.splitlines()
    made = argparse.ArgumentParser(
        description=words[0], epilog="\n".join(words[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = made.add_argument
    add("--data", type=given, help="CIFAR-10, a folder or an archive; default: the usual places")
    add("--seeds", type=int, help="per member; default: the config's own")
    add("--minutes", type=float, help="stop training after so long, everything saved")
    add("--runs", type=given, default=Path("runs"), help="where run folders lie")
    add("--records", type=given, help="copy the records there, without weights and paths")
    add("--out", type=given, default=CHECKOUT / "docs" / "results", help="where pages are written")
    add("--draw-only", action="store_true", help="train nothing")
    return made


def use_data(source: Path | None) -> None:
    """Let every study of this process read its images there; None: as configs say."""
    if source is not None:
        os.environ["JAXCIFAR_DATA"] = str(source.resolve())


class StudyRun(NamedTuple):
    """One variant to train: its study, its run folder, and how it was asked for."""

    study: Study
    workdir: Path
    command: str


def train(job: StudyRun) -> None:
    """Train or continue a study; one that is finished is left as it is, its commit included."""
    setup.prepare(job.study.base.deterministic)
    prepared = prepare.prepare(job.study, job.workdir)
    if all(part.finished for part in prepared.groups):
        print(f"{job.workdir}: finished before", file=sys.stderr)
    else:
        train_study.train_prepared(prepared, None, job.command)


def gather(runs: Path) -> None:
    """Merge what each run's groups recorded: a run that was killed had no time to do it."""
    for path in sorted(runs.glob("*/config.json")):
        folder.merge(path.parent)


@contextmanager
def time_limit(minutes: float | None) -> Iterator[None]:
    """Within, this process gets SIGTERM after so long: a training run saves and stops.

    Outside of training it raises `signals.Stopped`, too.
    """
    if minutes is None:
        yield
        return

    def stop(signum: int, frame: Any) -> None:
        raise signals.Stopped(signum, "stopped between two groups; the same command continues")

    before = signal.signal(signal.SIGTERM, stop)
    timer = threading.Timer(60 * minutes, os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        signal.signal(signal.SIGTERM, before)


def copy_records(workdir: Path, to: Path) -> None:
    """Copy a run folder's records, without weights and without where the images lay."""
    for pattern in KEPT:
        for path in sorted(workdir.glob(pattern)):
            target = to / path.relative_to(workdir)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.name in ("config.json", "environment.json"):
                content = without_places(json.loads(path.read_text()))
                files.write_atomically(target, (json.dumps(content, indent=1) + "\n").encode())
            else:
                shutil.copyfile(path, target)


def without_places(tree: Any) -> Any:
    """A record without the path of its images: its data is known by label and fingerprint."""
    if isinstance(tree, dict):
        label = tree.get("label")
        return {
            key: label if key == "source" and label else
            None if key == "dir" else without_places(value)
            for key, value in tree.items()
        }  # fmt: skip
    return [without_places(item) for item in tree] if isinstance(tree, list) else tree
