"""What every command says of itself: its usage, its help, which flags it takes and needs."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import tyro

from jaxcifar.cli.flags import Flags, split_flags
from jaxcifar.core.errors import UserError, unknown

QUESTIONS = {"workdir": "which run folder?", "config": "which study?"}
"""How a command asks for a flag that is not given."""


class Command(NamedTuple):
    """What may stand on a command's line; all else there is refused."""

    usage: str
    about: str = ""  # what --help says below it
    flags: tuple[str, ...] = ()  # with a value
    switches: tuple[str, ...] = ()  # without
    many: tuple[str, ...] = ()  # flags that may have several values
    required: tuple[str, ...] = ()  # of the flags
    fields: tuple[str, ...] | None = ()  # of the config, for --config.FIELD; None = all
    word: str = ""  # what a word without a flag names, such as "network"; it is required
    shown: type | None = None  # flags and fields that --help lists below, as a dataclass


def command(argv: Sequence[str], of: Command) -> Flags:
    """A command's line taken apart.

    Raises: UserError: an argument that the command does not use, or one that is missing.
        SystemExit: it was asked for help, and gave it.
    """
    if asks_for_help(argv):
        _help(of)
    found = split_flags(argv, of.flags, of.switches, of.fields, bool(of.word), of.many)
    for name in of.required:
        if name not in found.plain:
            asked = QUESTIONS.get(name, f"--{name.replace('_', '-')} is not given")
            raise UserError(f"{asked}\n{of.usage}")
    if of.word and not found.words:
        raise UserError(f"which {of.word}?\n{of.usage}")
    return found


def subcommand(argv: Sequence[str], about: str, of: Mapping[str, Command]) -> tuple[str, Flags]:
    """Which of several commands the first word names, and the rest of the line taken apart.

    Raises: UserError: none of them, and as `command`. SystemExit: it gave help.
    """
    name, *rest = argv or [""]
    if name not in of and asks_for_help(argv[:1]):
        _help(Command("\n".join(each.usage for each in of.values()), about))
    if name not in of:
        asked = str(unknown("command", name, of)) if name else "which command?"
        raise UserError(f"{asked}\nusage: {_usage(of)}")
    return name, command(rest, of[name])


def _usage(of: Mapping[str, Command]) -> str:
    """``python -m jaxcifar.data check|prepare|show``."""
    words = next(iter(of.values())).usage.split()[:3]
    return f"{' '.join(words)} {'|'.join(of)}"


def asks_for_help(argv: Sequence[str]) -> bool:
    """Whether a command line asks what the command is."""
    return "--help" in argv or "-h" in argv


def _help(of: Command) -> None:
    if of.shown is not None:  # tyro leaves by SystemExit, too
        tyro.cli(of.shown, args=["--help"], prog=of.usage, description=of.about)
    print(f"usage: {of.usage}\n\n{of.about}".rstrip())  # noqa: T201
    raise SystemExit(0)
