"""The commands ``surface``, ``line`` and ``trajectory``: a run folder's landscapes and figures."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxcifar import cli
from jaxcifar.core.console import say
from jaxcifar.core.errors import UserError, unknown
from jaxcifar.figures import landscapes as drawn
from jaxcifar.landscape.slices import line, surface
from jaxcifar.landscape.trajectory import trajectory
from jaxcifar.records import landscapes, study_file
from jaxcifar.records.landscapes import Landscape

MEASURED = """
--member: one or several; all where none is named. --which: best (the default), last, swa, ema,
step:N. --subset: how many images of --split train (the default), test or validation; all, or 2,000
where nothing is said. --mode: eval (the default: BatchNorm by its running statistics) or train (by
the statistics of each --batch). Members share axes and colours. A command that was cut goes on."""
DRAWN = """
--normalise: how directions are scaled to the weights: filter (the default), layer, weight,
unit-filter, unit-layer or none. --seed draws them, --directions FILE takes saved ones and
--save-directions FILE saves them."""
_OF = ("workdir", "which", "split", "subset", "batch", "mode", "resolution", "lane")
_DIRECTIONS = ("seed", "normalise", "directions", "save_directions")


def _command(name: str, usage: str, about: str, flags: tuple[str, ...]) -> cli.Command:
    return cli.Command(
        f"python -m jaxcifar.landscape {name} --workdir DIR [--member ID ...] {usage}",
        about, flags=(*_OF, *flags), many=("member",), required=("workdir",), fields=("data.dir",),
    )  # fmt: skip


COMMANDS = {
    "surface": _command(
        "surface", "[--resolution 51] [--subset N|all] [--split train|test] [--span 1]",
        "The loss over a plane of two random directions through trained weights."
        + MEASURED + DRAWN,
        ("span", *_DIRECTIONS),
    ),
    "line": _command(
        "line", "[--to-member ID] [--to WHICH] [--resolution 51] [--subset N|all]",
        "The loss along a random direction through trained weights; with --to-member or --to,\n"
        "along the line to another member's weights, or to others of the same. --low, --high: its\n"
        "ends."
        + MEASURED + DRAWN,
        ("to_member", "to", "low", "high", *_DIRECTIONS),
    ),
    "trajectory": _command(
        "trajectory", "[--resolution 51] [--subset N|all] [--margin 0.2]",
        "The path of training in the plane of its two principal directions, and the loss there.\n"
        "The run must have kept checkpoints. The plane is seen from --which, by default the last\n"
        "weights; --margin: how far it goes beyond the path." + MEASURED,
        ("margin",),
    ),
}  # fmt: skip
ANALYSES: dict[str, Callable[..., Landscape]] = {
    "surface": surface, "line": line, "trajectory": trajectory,
}  # fmt: skip
NUMBERS: dict[str, Callable[[str], Any]] = {
    "resolution": int, "batch": int, "seed": int, "top": int, "trace": int, "density": int,
    "steps": int, "tolerance": float, "span": float, "low": float, "high": float,
    "margin": float, "size": float,
}  # fmt: skip
KNOWN_AS = {"directions": "directions_from", "to": "to_which"}
"""Flags -> arguments, where they have other names."""


def run(name: str, flags: cli.Flags) -> int:
    """Work out and draw what was asked; returns the exit status, 2 if a member was refused.

    Raises: UserError: what can be mended; where several members were asked for, only if none has
        a landscape.
    """
    workdir = flags.run_folder()
    members, given = chosen(workdir, flags), options(flags)
    found: list[Landscape] = []
    refused: dict[str, UserError] = {}
    for member in members:
        try:
            found.append(ANALYSES[name](workdir, member, **given))
        except UserError as error:  # such as of a member that diverged: others have landscapes
            refused[member] = error
            continue
        print(f"{member}: {_line(found[-1])}")  # noqa: T201
    if not found:
        raise refused[members[0]]
    for member, why in refused.items():
        say(f"{member}: {why}")
    names = {landscapes.group_name(each) for each in found}
    print(*drawn.draw_all(workdir, names), sep="\n")  # noqa: T201
    return 2 if refused else 0


def chosen(workdir: Any, flags: cli.Flags) -> Sequence[str]:
    """The members that were named, or all. Raises: UserError: there is no such member."""
    there = study_file.members(workdir)
    for member in flags.many.get("member", ()):
        if member not in there:
            raise unknown("member", member, there)
    return flags.many.get("member") or list(there)


def options(flags: cli.Flags) -> dict[str, Any]:
    """The arguments that the flags give."""
    given: dict[str, Any] = {}
    for flag in flags.plain:
        if flag != "workdir":
            number = NUMBERS.get(flag)
            value = flags.number(flag, number) if number else flags.plain[flag]
            given[KNOWN_AS.get(flag, flag)] = value
    if "subset" in given and given["subset"] != "all":
        given["subset"] = flags.number("subset", int)
    for flag in ("directions", "save_directions"):
        if flag in flags.plain:
            given[KNOWN_AS.get(flag, flag)] = flags.file(flag)
    place = dict(flags.overrides).get("data.dir")
    return given if place is None else given | {"data_dir": place}


def _line(found: Landscape) -> str:
    """``loss 0.81 to 31.1 nats over 625 points, 3 not finite``."""
    if found.holes == found.loss.size:
        return f"no finite loss at any of {found.loss.size:,} points"
    low, high = float(np.nanmin(found.loss)), float(np.nanmax(found.loss))
    holes = f", {found.holes:,} not finite" if found.holes else ""
    return f"loss {low:.4g} to {high:.4g} nats over {found.loss.size:,} points{holes}"
