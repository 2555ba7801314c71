"""A whole study, from its config to its results: plans groups, trains them, merges records."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxcifar.checkpoints import snapshots
from jaxcifar.config import Study
from jaxcifar.core import files, host_memory, processes, setup, switches
from jaxcifar.core.errors import UserError, nearest
from jaxcifar.optim.averaging import AVERAGES
from jaxcifar.planning import disk
from jaxcifar.planning.group import Group
from jaxcifar.planning.prepare import Prepared, prepare
from jaxcifar.records import folder, formats, provenance, study_file
from jaxcifar.training import agreement
from jaxcifar.training.train_group import train_group

if TYPE_CHECKING:
    from jaxcifar.report import Shown

Watch = Callable[[Group], AbstractContextManager[Callable[[], None]]]


def unwatched(group: Group) -> AbstractContextManager[Callable[[], None]]:
    """What follows a group's training: within, its function is called after every save."""
    return nullcontext(lambda: None)


class Results(NamedTuple):
    """What a study gave, read back from its run folder."""

    workdir: Path
    summary: dict[str, Any]  # summary.json
    metrics: list[dict[str, Any]]  # metrics.jsonl
    steps: dict[str, np.ndarray]  # steps.npz

    def __repr__(self) -> str:
        """Short: all that the records hold would fill pages."""
        return f"Results({str(self.workdir)!r}, members={list(self.summary.get('members', ()))})"

    def figures(self, *names: str) -> "Shown":
        """Draw figures of the run, such as "loss_band_steps"; all where none is named.

        Args:
            *names: of the figures; see `report.gallery`.

        Returns: what a notebook shows as a grid.
        Raises: UserError: a figure that there is not, or whose fields were not recorded.

        >>> results.figures("loss_band_steps", "accuracy_curves")
        """
        from jaxcifar import report  # brings Matplotlib, which training needs not

        return report.gallery(self.workdir, names)

    def _repr_html_(self) -> str | None:
        """The table of members, as a notebook shows it; None where the folder is gone."""
        from jaxcifar import report

        return report.members(self.workdir) if self.workdir.exists() else None


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
        watch: called with each group; its context receives what the group saves (`trackers`).

    Returns: paths and records; of several groups those of all that there are.

    Raises: UserError: see `prepare`. Stopped: SIGINT or SIGTERM came; everything so far is saved.
        IncompleteError: it was one of several processes, and lost another.
    """
    setup.prepare(study.base.deterministic)
    place = None if workdir is None else files.given(workdir)
    prepared = processes.together(lambda: prepare(study, place))
    return train_prepared(prepared, only_group, command, watch)


@switches.fixed()
def train_prepared(
    prepared: Prepared, only_group: str | None, command: str, watch: Watch = unwatched
) -> Results:
    """`train` for a study that `prepare` has checked; every group runs within `watch`.

    Raises: IncompleteError: it was one of several processes, and lost another.
    """
    with processes.missed():
        agreement.require_same(prepared, only_group)
        return _train(prepared, only_group, command, watch)


def _train(prepared: Prepared, only_group: str | None, command: str, watch: Watch) -> Results:
    groups = [group for group in prepared.groups if only_group in (None, group.path.name)]
    if not groups:
        names = [group.path.name for group in prepared.groups]
        raise UserError(
            f"no group {only_group!r}{nearest(str(only_group), names)}\n"
            f"this study has: {', '.join(names)}"
        )
    said = None if all(group.finished for group in groups) else command
    processes.first(lambda: _begin(prepared, groups, said))
    try:
        for group in groups:
            with watch(group) as saved:
                if not group.finished:
                    train_group(group, prepared.machine, saved)
                    host_memory.make_room()
    finally:
        if processes.leads():
            folder.merge(prepared.workdir)
    processes.first(lambda: None)  # all is written
    return results(prepared.workdir)


def _begin(prepared: Prepared, groups: Sequence[Group], command: str | None) -> None:
    disk.require_room(prepared.workdir, groups)
    with _reopened(prepared):
        _write_heads(prepared, command)


@contextmanager
def _reopened(prepared: Prepared) -> Iterator[None]:
    """Groups that go on for more epochs, no longer finished, and locked within.

    In this order: a kill never leaves a config.json of more epochs than a finished group has.
    """
    groups = [group for group in prepared.groups if group.longer]
    with ExitStack() as locks:
        for group in groups:
            locks.enter_context(folder.locked(group.path))
        for group in groups:
            folder.reopen(group.path)
            snapshots.drop_averages(group.path / "checkpoints", AVERAGES)
        if groups:
            (prepared.workdir / "summary.json").unlink(missing_ok=True)
        yield


def _write_heads(prepared: Prepared, command: str | None) -> None:
    """config.json, and environment.json of the process that trains; None = nothing is left to.

    Where the folder holds more members than the study, config.json is theirs, too, and stays.
    """
    study, workdir = prepared.study, prepared.workdir
    head = {"study": study.name, "variant": study.variant, "seeds": study.seeds}
    used = {group.data.fingerprint: group.data for group in prepared.groups}.values()
    source = {
        name: " / ".join(dict.fromkeys(getattr(item, name) for item in used))
        for name in ("label", "fingerprint", "source")
    }
    there = study_file.members(workdir) if study_file.there(workdir) else {}
    if not there.keys() - {run.id for run in prepared.runs}:
        study_file.write(workdir, head, study.base, prepared.runs, source)
    if command is not None:
        machine: Mapping[str, Any] = prepared.machine._asdict()
        told = {"groups": folder.origins(workdir), "data": source}
        content = provenance.environment(machine, command) | told
        formats.write_json(workdir / "environment.json", content)


def results(workdir: Path) -> Results:
    """Read a run folder's records."""
    return Results(
        workdir=workdir,
        summary=formats.read_json(workdir / "summary.json") or {},
        metrics=formats.read_lines(workdir / "metrics.jsonl"),
        steps=formats.read_table(workdir / "steps.npz"),
    )
