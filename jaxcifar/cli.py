"""The command line: config files, ``--config.a.b=VALUE`` flags, error wording, exit status."""

import dataclasses
import importlib.util
import os
import signal
import sys
import traceback
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import tyro

from jaxcifar.config import Config, Member, Stage, Study, default_id, describe, replace, stage_path
from jaxcifar.errors import UserError, nearest

Override = tuple[str, str]  # dotted path below "config", text of the value


class Flags(NamedTuple):
    """A command line taken apart: plain flags by name, and overrides of the config in order."""

    plain: dict[str, str]
    overrides: tuple[Override, ...]


def split_flags(argv: Sequence[str], known: Sequence[str], switches: Sequence[str] = ()) -> Flags:
    """Take ``--name=value`` and ``--name value`` apart; a switch alone means True.

    Raises: UserError: an unknown flag, a flag without value, a word that is no flag.
    """
    plain: dict[str, str] = {}
    overrides: list[Override] = []
    words = list(argv)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        name = name.removeprefix("--").replace("-", "_")
        is_override = name.startswith("config.")
        if not word.startswith("--") or not (is_override or name in (*known, *switches)):
            flags = ["--" + flag.replace("_", "-") for flag in (*known, *switches)]
            allowed = ", ".join([*flags, "--config.FIELD=V, of a list V,V"])
            hint = nearest(name, (*known, *switches))
            raise UserError(f"unknown argument {word!r}{hint}\nallowed: {allowed}")
        if not equals:
            if name in switches:
                value = "True"
            elif words and not words[0].startswith("--"):
                value = words.pop(0)
            else:
                raise UserError(f"{word} needs a value\nwrite {word}=VALUE")
        elif name in switches and value.lower() not in ("true", "false"):
            raise UserError(f"{word}: a switch takes no value\nwrite --{name.replace('_', '-')}")
        if is_override:
            overrides.append((name.removeprefix("config."), value))
        else:
            plain[name] = value
    return Flags(plain, tuple(overrides))


def load_study(text: str) -> Study:
    """The study of ``path/to/config.py[:variant]``.

    Raises: UserError: no such file, no `get_config` in it, unknown variant, or whatever the file
        raises itself, with the line of it.
    """
    name, _, variant = text.partition(":")
    path = Path(name)
    if not path.is_file():
        there = sorted(p.as_posix() for p in (path.parent or Path()).glob("*.py"))
        raise UserError(
            f"no config file {name!r}{nearest(name, there)}\nhere are: {', '.join(there) or 'none'}"
        )
    spec = importlib.util.spec_from_file_location(f"jaxcifar_config_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserError(f"{name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        if not hasattr(module, "get_config"):
            raise UserError(f"{name} defines no get_config(variant) -> Study")
        study: Study = module.get_config(variant or None)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{_place(error, path)}: {type(error).__name__}: {error}") from error
    return dataclasses.replace(study, variant=variant or None)


def _place(error: Exception, path: Path) -> str:
    """``path/to/config.py:7``: the last line of the file that an error came through."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == path.absolute()]
    line = getattr(error, "lineno", None) or (lines or [None])[-1]
    return f"{path}:{line}" if line else str(path)


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
            f"--config.{path}={text!r} cannot be read\nexpected: {describe(hint)}"
        ) from None


def print_help(command: str, summary: str, flags: type) -> None:
    """Print the help of a command whose config fields tyro describes."""
    tyro.cli(flags, args=["--help"], prog=command, description=summary)


def run(main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None) -> int:
    """Run a command: a UserError is told in its own words with status 2, without a traceback.

    So is an interrupt (Ctrl-C), with status 130. ``--debug`` anywhere in `argv` shows the traceback
    as well.
    """
    given = list(sys.argv[1:] if argv is None else argv)
    words = [word for word in given if word.lower() not in ("--debug", "--debug=true")]
    debug = words != given
    try:
        return main(words) or 0
    except UserError as error:
        if debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        if debug:
            raise
        print("interrupted", file=sys.stderr)  # noqa: T201
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader, such as `head`, has seen enough; work may be unfinished
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
