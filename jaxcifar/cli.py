"""The command line: config files, ``--config.a.b=VALUE`` flags, error wording, exit status."""

import dataclasses
import importlib.util
import os
import re
import signal
import sys
import traceback
import typing
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import tyro

from jaxcifar.config import Config, Member, Study, default_id, replace
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
            choices = ", ".join("--" + flag.replace("_", "-") for flag in (*known, *switches))
            hint = nearest(name, (*known, *switches))
            raise UserError(
                f"unknown argument {word!r}{hint}\nallowed: {choices}, --config.FIELD=V"
            )
        if not equals:
            if name in switches:
                value = "True"
            elif words and not words[0].startswith("--"):
                value = words.pop(0)
            else:
                raise UserError(f"{word} needs a value\nwrite {word}=VALUE")
        if is_override:
            overrides.append((name.removeprefix("config."), value))
        else:
            plain[name] = value
    return Flags(plain, tuple(overrides))


def load_study(text: str) -> Study:
    """The study of ``path/to/config.py[:variant]``.

    Raises: UserError: no such file, no `get_config` in it, unknown variant.
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
    spec.loader.exec_module(module)
    if not hasattr(module, "get_config"):
        raise UserError(f"{name} defines no get_config(variant) -> Study")
    study: Study = module.get_config(variant or None)
    return dataclasses.replace(study, variant=variant or None)


def apply_overrides(study: Study, overrides: Sequence[Override]) -> tuple[Study, tuple[str, ...]]:
    """A study with fields changed for all members, and what there is to say about it.

    A field that members vary is no longer varied: members that become equal are merged.

    Raises: UserError: unknown field (with the nearest), wrong type, value out of range.
    """
    notes: list[str] = []
    values: dict[str, Any] = {}
    for path, text in overrides:
        if path == "seeds":
            study = dataclasses.replace(study, seeds=_parse(int, path, text))
            continue
        values[path] = _parse(_field_type(path), path, text)
        if any(path in member.overrides for member in study.members):
            members = _collapse(study.members, path)
            notes.append(
                f"{path} is {values[path]!r} for all members now: "
                f"{len(study.members)} members became {len(members)}"
            )
            study = dataclasses.replace(study, members=members)
    return dataclasses.replace(study, base=replace(study.base, values)), tuple(notes)


def _collapse(members: Sequence[Member], path: str) -> tuple[Member, ...]:
    kept: list[Member] = []
    for member in members:
        rest = {name: value for name, value in member.overrides.items() if name != path}
        if all(rest != other.overrides for other in kept):
            kept.append(Member(default_id(rest), rest))
    return tuple(kept)


def _field_type(path: str) -> Any:
    stage = re.match(r"stages\.\d+\.", path)
    if stage:
        field = path[stage.end() :]
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


def describe(hint: Any) -> str:
    """A field's type in words: ``a number or None``, ``'none' or 'batch'``."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(repr(value) for value in args)
    if origin is tuple:
        return f"values separated by commas, each {describe(args[0])}"
    if args:
        return " or ".join(describe(arm) for arm in args)
    words = {float: "a number", int: "a whole number", bool: "True or False", str: "text"}
    return words.get(hint, "None")


def print_help(command: str, summary: str, flags: type) -> None:
    """Print the help of a command whose config fields tyro describes."""
    tyro.cli(flags, args=["--help"], prog=command, description=summary)


def run(main: Callable[[Sequence[str]], int | None], argv: Sequence[str] | None = None) -> int:
    """Run a command: a UserError is told in its own words with status 2, without a traceback.

    So is an interrupt (Ctrl-C), with status 130. ``--debug`` anywhere in `argv` shows the traceback
    as well.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = any(word == "--debug" or word.lower() == "--debug=true" for word in words)
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
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
