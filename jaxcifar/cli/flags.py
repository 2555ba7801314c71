"""Flags of a command line, split into those of the config and its own."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from jaxcifar.core.errors import UserError, nearest
from jaxcifar.core.files import given

T = TypeVar("T", int, float)
Override = tuple[str, str]  # dotted path below "config", text of the value


class Flags(NamedTuple):
    """A command line taken apart: its flags by name, overrides of the config in order, words.

    `many` holds the values of flags that may have several, in order, each once.
    """

    plain: dict[str, str]
    overrides: tuple[Override, ...] = ()
    words: tuple[str, ...] = ()
    many: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def on(self, switch: str) -> bool:
        """Whether a switch was given."""
        return self.plain.get(switch, "False").lower() == "true"

    def path(self, name: str) -> Path | None:
        """The path that a flag gives; None where it was not given."""
        return given(self.plain[name]) if name in self.plain else None

    def number(self, name: str, kind: Callable[[str], T]) -> T | None:
        """The int or float that a flag gives; None where it was not given. Raises: UserError."""
        if name not in self.plain:
            return None
        try:
            return kind(self.plain[name])
        except ValueError:
            flag, what = name.replace("_", "-"), "whole number" if kind is int else "number"
            raise UserError(
                f"--{flag}={self.plain[name]!r} is no {what}\nwrite --{flag}=N"
            ) from None

    def file(self, name: str) -> Path:
        """The path of a flag that is required."""
        return given(self.plain[name])

    def run_folder(self) -> Path:
        """The folder of ``--workdir``, where there is one. Raises: UserError: it cannot be read."""
        path = self.file("workdir")
        try:
            os.listdir(path)
        except FileNotFoundError:
            pass  # who reads it says what it should hold
        except OSError as error:
            why = "a file" if path.is_file() else f"not to be read: {error.strerror}"
            raise UserError(f"{path} is {why}\ngive a run folder with --workdir") from None
        return path


def split_flags(
    argv: Sequence[str], known: Sequence[str], switches: Sequence[str] = (),
    fields: Sequence[str] | None = None, words: int = 0, many: Sequence[str] = (),
) -> Flags:  # fmt: skip
    """Take ``--name=value`` and ``--name value`` apart; a switch alone means True.

    Args:
        argv: the command line.
        known: names of flags with a value.
        switches: names of flags without.
        fields: fields of the config that ``--config.FIELD`` may change; None = all.
        words: how many words without a flag are taken, at most.
        many: names of flags that may have several values, after one another or each with the flag.

    Raises: UserError: an unknown flag, a flag without value or given twice, a word too many.
    """
    plain: dict[str, str] = {}
    overrides: list[Override] = []
    bare: list[str] = []
    lists: dict[str, list[str]] = {}
    left, known = list(argv), (*known, *many)
    while left:
        word = left.pop(0)
        if not word.startswith("-") and len(bare) < words:
            bare.append(word)
            continue
        name = word.partition("=")[0].removeprefix("--").replace("-", "_")
        field = name.removeprefix("config.") if name.startswith("config.") else ""
        taken = fields is None or field in fields if field else name in (*known, *switches)
        if not word.startswith("--") or not taken:
            raise _unknown(word, name, [*known, *switches], fields)
        value = _switch(word) if name in switches else _value(word, left, bool(field))
        if field:
            overrides.append((field, value))
        elif name in many:
            lists.setdefault(name, []).append(value)
            while left and not left[0].startswith("-"):
                lists[name].append(left.pop(0))
        elif plain.setdefault(name, value) != value:
            raise UserError(f"--{name.replace('_', '-')} is given twice\ngive one of the two")
    several = {name: tuple(dict.fromkeys(values)) for name, values in lists.items()}
    return Flags(plain, tuple(overrides), tuple(bare), several)


def _switch(word: str) -> str:
    flag, equals, value = word.partition("=")
    if equals and value.lower() not in ("true", "false"):
        raise UserError(f"{word}: a switch takes no value\nwrite {flag.replace('_', '-')}")
    return value or "True"


def _value(word: str, left: list[str], may_be_empty: bool) -> str:
    """What follows ``=``, which of a list may be nothing, or else the next word."""
    flag, equals, value = word.partition("=")
    if not equals and left and not left[0].startswith("--"):
        value = left.pop(0)
    if not value and not (equals and may_be_empty):
        raise UserError(f"{word} needs a value\nwrite {flag}=VALUE")
    return value


def _unknown(word: str, name: str, flags: Sequence[str], fields: Sequence[str] | None) -> UserError:
    names = [*flags, *(f"config.{field}" for field in fields or ())]
    allowed = ["--" + flag.replace("_", "-") for flag in names]
    if fields is None:
        allowed.append("--config.FIELD=V, of a list V,V")
    hint = nearest(name, names)
    return UserError(f"unknown argument {word!r}{hint}\nallowed: {', '.join(allowed) or 'none'}")
