"""What records of measures at some weights share: names, order, and how files are written."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from jaxcifar.records import study_file
from jaxcifar.records.formats import described, read_table, read_to_redo, write_table
from jaxcifar.records.landscapes import OWN, in_file_names


class OfWeights(Protocol):
    """A measure at some weights."""

    @property
    def about(self) -> Mapping[str, Any]:
        """Whose weights they are, on what it was measured, and how."""

    @property
    def whole(self) -> bool:
        """Whether all that was asked is there."""


Measured = TypeVar("Measured", bound=OfWeights)
T = TypeVar("T")


def group_name(kind: str, found: OfWeights) -> str:
    """``hessian-1a2b3c4d``: the same for all of which the same was asked, of whatever weights."""
    return f"{kind}-{_digest(found.about, (*OWN, 'which'))}"


def file_name(kind: str, found: OfWeights) -> str:
    """``hessian-1a2b3c4d-<member>.npz``: one for what was asked of these weights."""
    return f"{kind}-{_digest(found.about, OWN)}-{in_file_names(str(found.about['name']))}.npz"


def _digest(about: Mapping[str, Any], without: Collection[str]) -> str:
    asked = {name: value for name, value in about.items() if name not in without}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:8]


def compared(
    workdir: Path, kind: str, found: Iterable[Measured]
) -> dict[str, list[Measured]]:  # fmt: skip
    """Those of a study's members that are worked out, by `group_name`.

    They stand in the study's order, a member's by the step of its weights; "best" comes before.

    Raises: UserError: no run folder.
    """
    order = list(study_file.members(workdir))
    whole = [each for each in found if each.whole and each.about["name"] in order]
    whole.sort(
        key=lambda each: (order.index(each.about["name"]), step_of(each), each.about["which"])
    )
    groups: dict[str, list[Measured]] = {}
    for each in whole:
        groups.setdefault(group_name(kind, each), []).append(each)
    return groups


def step_of(found: OfWeights) -> int:
    """The step of training that the weights are of, where they were asked for by it; else -1."""
    kind, _, step = str(found.about["which"]).partition(":")
    return int(step) if kind == "step" else -1


def write(
    path: Path, kind: str, found: OfWeights, asked: Mapping[str, Any], units: Mapping[str, str],
    fields: Mapping[str, Any],
) -> None:  # fmt: skip
    """Replace a file.

    Args:
        path: of an .npz file.
        kind: what it is of.
        found: what is known so far, told of by its `about`.
        asked: all that decides its numbers: who asks for the same may go on with the file.
        units: of the fields.
        fields: its arrays.
    """
    told = {"kind": kind, "about": json.dumps(dict(found.about)),
            "asked": json.dumps(asked, sort_keys=True)}  # fmt: skip
    write_table(path, described([str(found.about["name"])], told, units, fields))


def read(
    path: Path, kind: str, units: Mapping[str, str], make: Callable[[dict[str, Any]], T]
) -> tuple[T, dict[str, Any]]:
    """What `make` makes of the fields named in `units` and of `about`, and what was asked.

    Raises: UserError: no such file, or one that is damaged or something else.
    """

    def parts(path: Path) -> tuple[T, dict[str, Any]]:
        table = read_table(path, needed=True)
        if str(table["kind"]) != kind:
            raise ValueError(f"it holds a {table['kind']}")
        fields: dict[str, Any] = {name: table[name] for name in units}
        found = make({**fields, "about": json.loads(str(table["about"]))})
        return found, json.loads(str(table["asked"]))

    return read_to_redo(path, parts)
