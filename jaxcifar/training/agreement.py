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


def require_same(prepared: Prepared) -> None:
    """Make sure that all processes are about to do the same. All must call it.

    Raises: UserError: in every one of them; it names one that differs from the first, and in what.
    """
    rows = [json.loads(text) for text in processes.gathered(json.dumps(_told(prepared)))]
    for number, row in enumerate(rows):
        changed = differences(rows[0], row)
        if changed:
            raise UserError(
                f"process {number} is about to do other than process 0 (here): "
                f"{'; '.join(line.replace(' there,', ' in 0,') for line in changed[:3])}\n"
                "give all of them the same command, data and run folder"
            )


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
