"""Commands that measure something at each of the weights that were asked for."""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from jaxcifar import cli
from jaxcifar.checkpoints import trained_weights
from jaxcifar.core.console import say
from jaxcifar.core.errors import UserError
from jaxcifar.landscape.slice_commands import chosen, options

T = TypeVar("T")


def run(
    flags: cli.Flags, measure: Callable[..., T], line: Callable[[T], str],
    draw: Callable[[Path, Sequence[T]], Sequence[Path]],
) -> int:  # fmt: skip
    """Work out and draw what was asked; returns the exit status, 2 if weights were refused.

    Args:
        flags: as given; `member` and `which` may be several.
        measure: (run folder, member, which=, what else the flags give) -> what is found.
        line: what to say of it.
        draw: (run folder, all that was found) -> the files drawn.

    Raises: UserError: what can be mended; of several weights, what one of them lacks only if no
        other has an answer.
    """
    workdir, given = flags.run_folder(), options(flags)
    asked = list(product(chosen(workdir, flags), flags.many.get("which", ("best",))))
    for member, which in asked:
        trained_weights.find(workdir, member, which)  # a step that was not kept ends it at once
    found: list[T] = []
    refused: list[tuple[str, UserError]] = []
    for member, which in asked:
        try:
            found.append(measure(workdir, member, which=which, **given))
        except UserError as error:  # such as of a member that diverged: others have answers
            refused.append((f"{member} ({which})", error))
            continue
        print(f"{member} ({which}): {line(found[-1])}")  # noqa: T201
    if not found:
        raise refused[0][1]
    for name, why in refused:
        say(f"{name}: {why}")
    for path in draw(workdir, found):
        print(path)  # noqa: T201
    return 2 if refused else 0


def names(found: Sequence[Any], name_of: Callable[[Any], str]) -> list[str]:
    """The groups that what was found belongs to, each once."""
    return list(dict.fromkeys(map(name_of, found)))
