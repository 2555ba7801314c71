"""Overrides of a study's fields, as flags give them."""

import dataclasses
import os
import typing
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any

import tyro

from jaxcifar.cli.flags import Override
from jaxcifar.config import Config, Member, Stage, Study, default_id, expected, replace, stage_path
from jaxcifar.core.errors import UserError, nearest


def apply_overrides(study: Study, overrides: Sequence[Override]) -> tuple[Study, tuple[str, ...]]:
    """A study with fields changed for all members, and what there is to say about it.

    A field that members vary is no longer varied: members that become equal are merged.

    Raises: UserError: unknown field (with the nearest), wrong type, value out of range.
    """
    given = dict(overrides)
    if "seeds" in given:
        seeds = _parse(int, "seeds", given.pop("seeds"))
        study = dataclasses.replace(study, seeds=seeds)
    values = {path: _parse(_field_type(path), path, text) for path, text in given.items()}
    own = any("stages" in member.overrides for member in study.members)
    staged = {path: value for path, value in values.items() if own and path.startswith("stages.")}
    plain = {path: value for path, value in values.items() if path not in staged}
    notes: list[str] = []
    for path, value in plain.items():
        if any(path in member.overrides for member in study.members):
            study, note = _merged(study, _collapse(study.members, path), {path: value})
            notes.append(note)
    if staged:
        study, note = _merged(study, _restaged(study, staged), staged)
        notes.append(note)
    return dataclasses.replace(study, base=replace(study.base, plain)), tuple(notes)


def _merged(
    study: Study, members: Sequence[Member], values: Mapping[str, Any]
) -> tuple[Study, str]:
    """A study with its members changed, those that became equal as one, and what to say of it."""
    kept: list[Member] = []
    for member in members:
        if all(member.overrides != other.overrides for other in kept):
            kept.append(member)
    said = ", ".join(f"{path} is {value!r}" for path, value in values.items())
    note = f"{said} for all members now: {len(members)} members became {len(kept)}"
    return dataclasses.replace(study, members=tuple(kept)), note


def _collapse(members: Sequence[Member], path: str) -> list[Member]:
    """The members without a field, named anew by what they still vary."""
    rows = ({name: value for name, value in m.overrides.items() if name != path} for m in members)
    return [Member(default_id(row), row) for row in rows]


def _restaged(study: Study, values: Mapping[str, Any]) -> list[Member]:
    """The members with fields changed in the stages that each brings along."""

    def stages(member: Member) -> tuple[Stage, ...]:
        own = member.overrides.get("stages", study.base.stages)
        return replace(study.base, {"stages": own, **values}).stages

    return [Member(m.id, {**m.overrides, "stages": stages(m)}) for m in study.members]


def _field_type(path: str) -> Any:
    if path.startswith("stages."):
        field = stage_path(path)[1]
        return float if field == "at" else _field_type(field)
    node: Any = Config
    walked: list[str] = []
    for part in path.split("."):
        names = [f.name for f in dataclasses.fields(node)] if dataclasses.is_dataclass(node) else []
        if part not in names:
            before = ".".join(["--config", *walked])
            where = sorted(names) if names else ["no fields"]
            raise UserError(
                f"unknown field --config.{path}{nearest(part, names)}\n"
                f"{before} has: {', '.join(where)}"
            )
        node = typing.get_type_hints(node)[part]
        walked.append(part)
    if dataclasses.is_dataclass(node) or path == "stages":
        names = (
            ["stages.0.at", "stages.0.optim.name", "..."]
            if path == "stages"
            else [f.name for f in dataclasses.fields(node)]
        )
        raise UserError(f"--config.{path} is a group of fields\nname one of: {', '.join(names)}")
    return node


def _parse(hint: Any, path: str, text: str) -> Any:
    arms = (hint, *typing.get_args(hint))
    many = any(typing.get_origin(arm) is tuple for arm in arms) and text != "None"
    words = [word for word in text.split(",") if word] if many else [text]
    try:
        with open(os.devnull, "w") as silence, redirect_stdout(silence), redirect_stderr(silence):
            return tyro.cli(hint, args=words, console_outputs=False)
    except SystemExit:
        raise UserError(
            f"--config.{path}={text!r} cannot be read\nexpected: {expected(hint)}"
        ) from None
