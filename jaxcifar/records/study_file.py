"""config.json of a run folder: the study as resolved, its members, and its data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxcifar.config.population import MemberRun
from jaxcifar.config.tree import as_dict
from jaxcifar.core.errors import UserError
from jaxcifar.records.formats import read_json, write_json

Row = dict[str, Any]
NAME = "config.json"
NEEDED = ("study", "members", "data")
NEEDED_OF_MEMBER = ("id", "config")


def write(
    workdir: Path, study: Mapping[str, Any], base: Any, runs: Sequence[MemberRun],
    data: Mapping[str, str],
) -> None:  # fmt: skip
    """Replace it. `study`: name, variant and number of seeds; `data`: label and fingerprint."""
    members = [
        {
            "id": run.id,
            "study_id": run.study_id,
            "seed": run.seed,
            "overrides": run.overrides,
            "identity": run.identity,
            "config": as_dict(run.config),
        }
        for run in runs
    ]
    content = {**study, "base": as_dict(base), "members": members, "data": data}
    write_json(workdir / NAME, content)


def there(workdir: Path) -> bool:
    """Whether a folder is a run folder."""
    return (workdir / NAME).exists()


def read(workdir: Path) -> Row:
    """All of it. Raises: UserError: no run folder, or a file that is damaged or another's."""
    content = read_json(workdir / NAME)
    if content is None:
        why = f"{NAME} is missing" if workdir.exists() else "it does not exist"
        raise UserError(f"{workdir} is no run folder: {why}\ngive one that jaxcifar.train wrote")
    if not _complete(content):
        raise UserError(
            f"{workdir / NAME} is not as jaxcifar.train writes it\n"
            "restore it, or give another --workdir"
        )
    return content


def _complete(content: Row) -> bool:
    rows = content.get("members")
    return (
        all(name in content for name in NEEDED)
        and isinstance(rows, list)
        and all(isinstance(row, dict) and {*NEEDED_OF_MEMBER} <= row.keys() for row in rows)
    )


def members(workdir: Path) -> dict[str, Row]:
    """Its members by id, in the study's order. Raises: as `read`."""
    return {row["id"]: row for row in read(workdir)["members"]}
