"""Several processes train the same study, from the same images and code, or not at all."""

import hashlib
import json
from typing import Any

import jax

from jaxcifar.config.tree import as_dict, differences
from jaxcifar.core import processes
from jaxcifar.core.errors import UserError
from jaxcifar.planning.prepare import Prepared
from jaxcifar.records import code_digest


def require_same(prepared: Prepared, only_group: str | None = None) -> None:
    """Make sure that all processes are about to do the same. All must call it.

    Raises: UserError: in every one of them; it names one that differs from the first, and in what.
    """
    mine = json.dumps(_told(prepared) | {"only_group": only_group})
    rows = [json.loads(text) for text in processes.gathered(mine)]
    for number, row in enumerate(rows):
        changed = differences(rows[0], row)
        if changed:
            named = [_named(line, number) for line in changed[:3]]
            raise UserError(
                f"process {number} is about to do other than process 0: {'; '.join(named)}\n"
                "give all of them the same command, data and run folder"
            )


def _named(line: str, number: int) -> str:
    """A difference, of the first process's value "there" and another's "here"."""
    before = line.replace(" there, ", " in process 0, ").removesuffix(" here")
    return f"{before} in process {number}"


def _told(prepared: Prepared) -> dict[str, Any]:
    """What may differ, named; the many by their digests."""
    groups = [(group.path.name, group.finished, group.longer) for group in prepared.groups]
    return {
        "config": as_dict(prepared.study.base) | {"data": _without_place(prepared)},
        "members": _digest([run.id for run in prepared.runs]),
        "members' settings": _digest(
            [repr(sorted(run.overrides.items())) for run in prepared.runs]
        ),
        "images": {g.path.name: g.data.fingerprint[:16] for g in prepared.groups},
        "groups in the run folder": _digest(groups),
        "code": code_digest.digest(),
        "jax": jax.__version__,
    }


def _without_place(prepared: Prepared) -> dict[str, Any]:
    """The config of the images, which may lie elsewhere on each host."""
    return {k: v for k, v in as_dict(prepared.study.base)["data"].items() if k != "dir"}


def _digest(rows: list[Any]) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]
