"""Flags of a command line, split into those of the config and its own."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxcifar.core.errors import UserError, nearest

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
