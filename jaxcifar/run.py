"""A whole study, from its config to its results: plans groups, trains them, merges records."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxcifar import data, files, folder, memory, plan, record, resolution, runtime, warm_start
from jaxcifar.config import Config, Study, replace
from jaxcifar.errors import UserError, nearest
from jaxcifar.fitting import fitting
from jaxcifar.job import Job, say, split_rows, train_job
from jaxcifar.population import MemberRun, expand, from_dict, identity

Watch = Callable[[Job], AbstractContextManager[Callable[[], None]]]


def unwatched(job: Job) -> AbstractContextManager[Callable[[], None]]:
    """What follows a group's training: within, its function is called after every save."""
    return nullcontext(lambda: None)


class Results(NamedTuple):
    """What a study gave, read back from its run folder."""

    workdir: Path
    summary: dict[str, Any]  # summary.json
    metrics: list[dict[str, Any]]  # metrics.jsonl
    steps: dict[str, np.ndarray]  # steps.npz


class Prepared(NamedTuple):
    """A study ready to run: everything checked, nothing compiled, nothing written."""

    study: Study
    workdir: Path
    runs: tuple[MemberRun, ...]
    jobs: tuple[Job, ...]
    machine: plan.Hardware


def prepare(study: Study, workdir: Path | None = None) -> Prepared:
    """Check a study, read its data and plan its groups.

    Groups that the folder already holds stay as they are; members it does not hold yet, such as
    added seeds, form groups of their own.

    Raises: UserError: anything the user can mend, from a misspelt option to another study's folder.
    """
    study = warm_start.pin(study)
    for member in study.members:
        resolution.resolve_stages(replace(study.base, member.overrides))
    dataset = _loader()
    runs = expand(study, lambda config: dataset(config).fingerprint)
    workdir = workdir or folder.default_workdir(study)
    folder.claim(workdir, runs)
    machine = plan.hardware()
    jobs: list[Job] = []
    for rows, known in _groups(workdir, runs):
        make = partial(
            _job, workdir, images=dataset(rows[0].config), machine=machine, known=known
        )  # fmt: skip
        jobs += [make(rows)] if known else _fresh(make, rows, machine)
    return Prepared(study, workdir, runs, tuple(jobs), machine)


def _fresh(
    make: Callable[[tuple[MemberRun, ...]], Job],
    rows: tuple[MemberRun, ...],
    machine: plan.Hardware,
) -> tuple[Job, ...]:
    """Groups that the folder does not hold yet, each of a size that the device has memory for."""
    jobs, said = fitting(make(rows), make, machine, memory.limit())
    say(said)
    for job in jobs:
        warm_start.check(job.plan, job.members)
    return jobs


def _loader() -> Callable[[Config], data.Dataset]:
    """A function that reads a config's images, each source once."""
    read: dict[Any, data.Dataset] = {}

    def dataset(config: Config) -> data.Dataset:
        part = config.data
        key = (part.name, part.dir, part.n_train, part.n_test)
        if key not in read:
            read[key] = data.load(
                part.name, part.dir, n_train=part.n_train, n_test=part.n_test
            )  # fmt: skip
        return read[key]

    return dataset


def _job(
    workdir: Path, rows: tuple[MemberRun, ...], *, images: data.Dataset, machine: plan.Hardware,
    known: folder.GroupFolder | None,
) -> Job:  # fmt: skip
    config = rows[0].config
    train, validation = split_rows(images, config.data)
    if config.select_on.startswith("validation") and not len(validation):
        raise UserError(
            f"select_on={config.select_on!r} needs a validation part, but data.validation="
            f"{config.data.validation} of {len(train):,} images is none\n"
            "give a larger --config.data.validation, more images, or --config.select_on=train"
        )
    made = plan.make_plan(rows, len(train), machine)
    path = known.path if known else workdir / "groups" / made.id
    return Job(made, rows, images, path, known is not None and known.finished)


def _groups(
    workdir: Path, runs: Sequence[MemberRun]
) -> list[tuple[tuple[MemberRun, ...], folder.GroupFolder | None]]:
    by_id = {run.id: run for run in runs}
    there = folder.groups(workdir)
    covered = {name for group in there for name in group.members}
    new = plan.group([run for run in runs if run.id not in covered])
    old = [(tuple(by_id[name] for name in group.members), group) for group in there]
    return [*old, *((rows, None) for rows in new)]


def job_of(workdir: Path, members: Sequence[str]) -> Job:
    """The job of a group that a run folder holds, from the folder and its data alone.

    Raises: UserError: the data found now is not what the group was trained on.
    """
    rows = {row["id"]: row for row in record.read_json(workdir / "config.json")["members"]}
    known = next(group for group in folder.groups(workdir) if group.members == tuple(members))
    dataset = _loader()
    runs = []
    for name in members:
        row = rows[name]
        config = from_dict(row["config"])
        if identity(config, dataset(config).fingerprint) != row["identity"]:
            raise UserError(
                f"member {name!r} was trained on other data than {dataset(config).source} holds\n"
                "point --config.data.dir or $JAXCIFAR_DATA at the data it was trained on"
            )
        runs.append(
            MemberRun(name, row["study_id"], row["seed"], row["overrides"], config, row["identity"])
        )
    images = dataset(runs[0].config)
    return _job(workdir, tuple(runs), images=images, machine=plan.hardware(), known=known)


def train(
    study: Study, workdir: Path | str | None = None, only_group: str | None = None,
    command: str = "jaxcifar.train(study)", watch: Watch = unwatched,
) -> Results:  # fmt: skip
    """Train every member of a study that is not trained yet, score it, and write the records.

    The same call continues a run that was cut anywhere, with the same bits.

    Args:
        study: members and seeds; see `jaxcifar.config`.
        workdir: the run folder; None = ``runs/<study>-<variant>-<hash>``.
        only_group: id of the one group to train, so that groups can run side by side.
        command: what environment.json tells of how it was called.
        watch: called with each job; its context receives what the group saves (`trackers`).

    Returns: paths and records; of several groups those of all that there are.

    Raises: UserError: see `prepare`. Stopped: SIGINT or SIGTERM came; everything so far is saved.
    """
    runtime.prepare(study.base.deterministic)
    prepared = prepare(study, None if workdir is None else Path(workdir))
    return train_prepared(prepared, only_group, command, watch)


def train_prepared(
    prepared: Prepared, only_group: str | None, command: str, watch: Watch = unwatched
) -> Results:
    """`train` for a study that `prepare` has checked; every group runs within `watch`."""
    jobs = [job for job in prepared.jobs if only_group in (None, job.path.name)]
    if not jobs:
        names = [job.path.name for job in prepared.jobs]
        raise UserError(
            f"no group {only_group!r}{nearest(str(only_group), names)}\n"
            f"this study has: {', '.join(names)}"
        )
    _write_heads(prepared, None if all(job.finished for job in jobs) else command)
    try:
        for job in jobs:
            with watch(job) as saved:
                if not job.finished:
                    train_job(job, prepared.machine, saved)
                    runtime.make_room()
    finally:
        folder.merge(prepared.workdir)
    return results(prepared.workdir)


def _write_heads(prepared: Prepared, command: str | None) -> None:
    """config.json, and environment.json of the process that trains; None = nothing is left to."""
    study, workdir = prepared.study, prepared.workdir
    head = {"study": study.name, "variant": study.variant, "seeds": study.seeds}
    used = {job.data.fingerprint: job.data for job in prepared.jobs}.values()
    source = {
        name: " / ".join(dict.fromkeys(getattr(item, name) for item in used))
        for name in ("label", "fingerprint", "source")
    }
    text = record.config_json(head, study.base, prepared.runs, source)
    files.write_atomically(workdir / "config.json", text)
    if command is not None:
        machine: Mapping[str, Any] = prepared.machine._asdict()
        told = {"groups": folder.origins(workdir), "data": source}
        content = record.environment(machine, command) | told
        record.write_json(workdir / "environment.json", content)


def results(workdir: Path) -> Results:
    """Read a run folder's records."""
    return Results(
        workdir=workdir,
        summary=record.read_json(workdir / "summary.json") or {},
        metrics=record.read_lines(workdir / "metrics.jsonl"),
        steps=record.read_table(workdir / "steps.npz"),
    )
