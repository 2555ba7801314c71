"""A study ready to run: everything checked, nothing compiled, nothing written."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar import data
from jaxcifar.checkpoints import first_weights, snapshots, trained_weights
from jaxcifar.config import Config, DevicesConfig, Study, replace
from jaxcifar.config.population import MemberRun, expand, identity
from jaxcifar.core import hardware, switches
from jaxcifar.core.console import say
from jaxcifar.core.errors import UserError
from jaxcifar.planning import longer, plan, resolve, twins
from jaxcifar.planning.fit import split_to_fit
from jaxcifar.planning.group import Group, split_rows
from jaxcifar.records import folder


class Prepared(NamedTuple):
    """A study ready to run: everything checked, nothing compiled, nothing written."""

    study: Study
    workdir: Path
    runs: tuple[MemberRun, ...]
    groups: tuple[Group, ...]
    machine: hardware.Hardware


@switches.fixed()
def prepare(study: Study, workdir: Path | None = None) -> Prepared:
    """Check a study, read its data and plan its groups.

    Groups that the folder already holds stay as they are, or go on for more epochs where that is
    exact; members it does not hold yet, such as added seeds, form groups of their own. Of a folder
    that holds more than the study, only the groups of its members are looked at.

    Raises: UserError: anything the user can mend, from a misspelt option to another study's folder.
    """
    study = first_weights.pin(study)
    for member in study.members:
        resolve.resolve_stages(replace(study.base, member.overrides))
    dataset = _loader()
    runs = expand(study, lambda config: dataset(config).fingerprint)
    workdir = workdir or folder.default_workdir(study)
    twins.require_distinct(runs)
    begun = folder.claim(workdir, runs, lambda config: dataset(config).fingerprint)
    machine = hardware.hardware()
    groups: list[Group] = []
    for rows, known in _groups(workdir, runs):
        make = partial(
            _group_of, workdir, images=dataset(_one_of(runs, rows)), machine=machine, known=known
        )  # fmt: skip
        groups += [_going_on(make, rows, begun)] if known else _fresh(make, rows, machine)
    return Prepared(study, workdir, runs, tuple(groups), machine)


def _fresh(
    make: Callable[[tuple[MemberRun, ...]], Group],
    rows: tuple[MemberRun, ...],
    machine: hardware.Hardware,
) -> tuple[Group, ...]:
    """Groups that the folder does not hold yet, each of a size that the device has memory for."""
    groups, said = split_to_fit(make(rows), make, machine, hardware.limit())
    say(said)
    for group in groups:
        first_weights.check(group.plan, group.members)
    return groups


def _going_on(
    make: Callable[[tuple[MemberRun, ...]], Group], rows: tuple[MemberRun, ...],
    begun: Mapping[str, int],
) -> Group:  # fmt: skip
    """A group that the folder holds, perhaps for more epochs than it was begun for (`begun`)."""
    group, epochs = make(rows), {begun.get(row.id) for row in rows}
    if epochs == {None}:
        return group
    if len(epochs) > 1 or len(plan.group(rows)) > 1:
        names = ", ".join(row.id for row in rows)
        raise UserError(
            f"group {group.path.name} trains {names} as one program\n"
            "give all of them the same --config.train.epochs"
        )
    before = {"train.epochs": epochs.pop()}
    old = make(tuple(row._replace(config=replace(row.config, before)) for row in rows))
    found = snapshots.find(group.path / "checkpoints")
    if found is not None:
        longer.require_same(old.plan, group.plan, rows, found.cursor)
    return group._replace(finished=False, longer=True)


def _one_of(runs: Sequence[MemberRun], rows: Sequence[MemberRun]) -> Config:
    """A config of a group's rows, one that was asked for: it says where the images lie now."""
    names = {row.id for row in rows}
    return next(run.config for run in runs if run.id in names)


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


def _group_of(
    workdir: Path, rows: tuple[MemberRun, ...], *, images: data.Dataset, machine: hardware.Hardware,
    known: folder.GroupFolder | None,
) -> Group:  # fmt: skip
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
    made = made._replace(id=path.name)  # of a run that goes on longer, as it was begun
    return Group(made, rows, images, path, known is not None and known.finished)


def _groups(
    workdir: Path, runs: Sequence[MemberRun]
) -> list[tuple[tuple[MemberRun, ...], folder.GroupFolder | None]]:
    """Groups of the folder that train any of the members, and new ones of all others."""
    by_id = {run.id: run for run in runs}
    there = folder.groups(workdir)
    covered = {name for held in there for name in held.members}
    new = plan.group([run for run in runs if run.id not in covered])
    old = [
        (tuple(by_id.get(row.id, row) for row in _rows(workdir, held, by_id)), held)
        for held in there
        if not by_id.keys().isdisjoint(held.members)
    ]
    return [*old, *((rows, None) for rows in new)]


def _rows(
    workdir: Path, held: folder.GroupFolder, by_id: Mapping[str, MemberRun]
) -> tuple[MemberRun, ...]:
    """A group's members; those that the command leaves out as the folder has them."""
    if by_id.keys() >= set(held.members):
        return tuple(by_id[name] for name in held.members)
    return trained_weights.group_of(workdir, held.members[0])[1]


@switches.fixed()
def group_at(
    held: folder.GroupFolder, runs: tuple[MemberRun, ...], data_dir: str | None = None
) -> Group:
    """The group that a run folder holds, from its records and its images.

    Args:
        group: the group.
        runs: its members.
        data_dir: where the images lie now; None = where they were in training, else where they
            are usually looked for.

    Raises: UserError: the images found there are not those that the group was trained on.
    """
    images = _images_of(runs, data_dir)
    runs = tuple(run._replace(config=_anywhere(run.config)) for run in runs)
    workdir = held.path.parents[1]
    return _group_of(workdir, runs, images=images, machine=hardware.hardware(), known=held)


def _anywhere(config: Config) -> Config:
    """A config for what is not training: on whatever devices there are."""
    return replace(config, {"devices": DevicesConfig()})


def _images_of(runs: Sequence[MemberRun], data_dir: str | None) -> data.Dataset:
    """The very images that members were trained on, known by their fingerprint."""
    part = runs[0].config.data
    places = dict.fromkeys([part.dir, None] if data_dir is None else [data_dir])
    looked = []
    for place in places:
        try:
            found = data.load(part.name, place, n_train=part.n_train, n_test=part.n_test)
        except UserError as error:
            looked.append(str(error).splitlines()[0])
            continue
        if all(identity(run.config, found.fingerprint) == run.identity for run in runs):
            return found
        looked.append(f"those in {found.source} are others")
    raise UserError(
        f"the images that {runs[0].id!r} was trained on are not there: {'; '.join(looked)}\n"
        "point --config.data.dir or $JAXCIFAR_DATA at the data it was trained on"
    )
