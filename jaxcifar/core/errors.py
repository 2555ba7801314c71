"""What a user can mend, said in the user's words."""

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake the user can mend: what came, what is allowed, what to do next (at most 3 lines).

    Command lines print the message alone and leave with exit status 2.
    """


class IntegrityError(UserError):
    """Bytes on disk are not those that were written."""


class IncompleteError(Exception):
    """Less was done than was asked for; all else is there, and the message names what is not.

    Command lines print the message and leave with exit status 1.
    """


def nearest(word: str, choices: Iterable[str]) -> str:
    """The hint ``; did you mean 'x'?`` for the choice most like `word`, or ``""``."""
    found = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def unknown(kind: str, word: str, choices: Iterable[str]) -> UserError:
    """The error for a name that is not among `choices`: all of them, and the nearest."""
    names = sorted(choices)
    hint = nearest(word, names)
    return UserError(f"unknown {kind} {word!r}{hint}\nchoose one of: {', '.join(names)}")
