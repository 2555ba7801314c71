"""What records of measures at some weights share: their names, and the order they are read in."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from jaxcifar.core.errors import UserError
from jaxcifar.records import study_file
from jaxcifar.records.formats import read_file
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


def read(path: Path, reader: Callable[[Path], T]) -> T:
    """What `reader` makes of a record.

    Raises: UserError: no such file, or one that is damaged or something else.
    """
    try:
        return read_file(path, reader)
    except UserError as error:
        why = str(error).splitlines()[0]
        raise UserError(f"{why}\nremove it, and it is worked out anew") from error
