"""Reading a run folder's records into plain NumPy."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxcifar.config import SEEDS, short
from jaxcifar.core.errors import UserError
from jaxcifar.core.files import given
from jaxcifar.records import study_file
from jaxcifar.records.formats import read_file, read_lines, read_table

# Members that differ only in these belong to one series: the runs that a band spans.
_WITHIN_SERIES = {"optim.lr", "seed", *SEEDS}
MOST_SETTINGS = 3  # that a series is named by
_NAMES = {
    "cnn": "CNN",
    "vgg_a": "VGG-A",
    "vgg_a_light": "VGG-A light",
    "vgg_a_dropout": "VGG-A dropout",
}
_VALUES = {("model.norm", "batch"): "with BatchNorm", ("model.norm", "none"): "without BatchNorm"}


class Member(NamedTuple):
    """One run. `length` counts its recorded steps; `diverged` is its first bad step, or -1."""

    id: str
    series: str
    lr: float
    replicate: int  # 0 for the first seed of its row of the study, 1 for the second, ...
    length: int
    steps_per_epoch: int
    diverged: int
    study_id: str  # the row of the study: what its seeds have in common
    model: str
    select: str  # the weights that the study reports: "best", "last", "swa" or "ema"


class Records(NamedTuple):
    """What a run folder recorded: `steps` fields are (M, S) float64, NaN = not recorded."""

    study: str
    data: str  # words that every figure repeats
    select_on: str  # the split behind val_*
    members: tuple[Member, ...]
    steps: Mapping[str, np.ndarray]
    evaluations: Mapping[str, Mapping[str, np.ndarray]]  # member -> field -> (E,) float64
    waiting: tuple[str, ...]  # members of the study with no records yet

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the networks that are compared, in the study's order."""
        return tuple(dict.fromkeys(member.series for member in self.members))

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """All learning rates, rising."""
        return tuple(sorted({member.lr for member in self.members}))

    @property
    def seeds(self) -> int:
        """Most seeds that any row of the study has."""
        return 1 + max(member.replicate for member in self.members)

    def rows(
        self, series: str | None = None, lr: float | None = None, replicate: int | None = None
    ) -> list[int]:
        """Indices of the members that match all that is given."""
        return [
            index
            for index, member in enumerate(self.members)
            if series in (None, member.series)
            and lr in (None, member.lr)
            and replicate in (None, member.replicate)
        ]

    def has_steps(self, field: str) -> bool:
        """Whether any value of this field was recorded step by step."""
        return field in self.steps and bool(np.isfinite(self.steps[field]).any())

    def has(self, field: str, above: float = -np.inf) -> bool:
        """Whether any evaluation has a value of this field above a number."""
        return any(
            bool((np.isfinite(rows[field]) & (rows[field] > above)).any())
            for rows in self.evaluations.values()
            if field in rows
        )


def read_run(workdir: Path | str) -> Records:
    """Read config.json, metrics.jsonl and steps.npz of a run folder.

    Raises:
        UserError: a file is missing or cannot be read, or there is no step recorded yet.
    """
    folder = given(workdir)
    config = study_file.read(folder)
    evaluations = read_file(folder / "metrics.jsonl", _read_evaluations)
    table = read_file(folder / "steps.npz", _read_table)
    order = {str(name): row for row, name in enumerate(table.pop("members"))}
    entries = [entry for entry in config["members"] if entry["id"] in order]
    if not entries or not table["loss"].shape[1]:
        raise UserError(f"no step recorded yet in {folder}\ntrain first, then draw")
    steps = {field: values[[order[e["id"]] for e in entries]] for field, values in table.items()}
    variant = config.get("variant")
    return Records(
        study=config["study"] + (f":{variant}" if variant else ""),
        data=config["data"]["label"],
        select_on=_get(entries[0]["config"], "select_on") or "validation",
        members=_members(entries, steps, evaluations),
        steps=steps,
        evaluations=evaluations,
        waiting=tuple(e["id"] for e in config["members"] if e["id"] not in order),
    )


def _read_evaluations(path: Path) -> dict[str, dict[str, np.ndarray]]:
    lines: dict[str, list[dict[str, Any]]] = {}
    for line in read_lines(path, needed=True):
        lines.setdefault(line["member"], []).append(line)
    return {member: _columns(rows) for member, rows in lines.items()}


def _columns(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    fields = dict.fromkeys(key for row in rows for key in row if key != "member")
    return {
        field: np.array([np.nan if row.get(field) is None else row[field] for row in rows], float)
        for field in fields
    }


def _read_table(path: Path) -> dict[str, np.ndarray]:
    table = read_table(path, needed=True)
    units = json.loads(str(table["units"]))
    fields = {field: table[field].astype(np.float64) for field in units}
    return {"members": table["members"], "loss": table["loss"], **fields}


def _members(
    entries: list[dict[str, Any]],
    steps: Mapping[str, np.ndarray],
    evaluations: Mapping[str, Mapping[str, np.ndarray]],
) -> tuple[Member, ...]:
    series = _series([entry["config"] for entry in entries], entries)
    seen: dict[str, int] = {}
    members = []
    for row, entry in enumerate(entries):
        study_id = entry.get("study_id", entry["id"])
        replicate = seen[study_id] = seen.get(study_id, -1) + 1
        length = _recorded(steps.get("lr", steps["loss"])[row])
        bad = np.flatnonzero(~np.isfinite(steps["loss"][row, :length]))
        members.append(
            Member(
                id=entry["id"],
                series=series[row],
                lr=float(_get(entry["config"], "optim.lr")),
                replicate=replicate,
                length=length,
                steps_per_epoch=_steps_per_epoch(evaluations.get(entry["id"]), length),
                diverged=int(bad[0]) if bad.size else -1,
                study_id=study_id,
                model=str(_get(entry["config"], "model.name")),
                select=_get(entry["config"], "select") or "best",
            )
        )
    return tuple(members)


def _series(configs: list[dict[str, Any]], entries: list[dict[str, Any]]) -> list[str]:
    """A name for each member: its network, and the settings that set its series apart."""
    keys = dict.fromkeys(key for entry in entries for key in entry["overrides"])
    varying = [
        key
        for key in keys
        if key not in _WITHIN_SERIES and len({str(_get(c, key)) for c in configs}) > 1
    ]
    if len(varying) > MOST_SETTINGS:  # rows that were chosen one by one: their ids say more
        return [entry.get("study_id", entry["id"]) for entry in entries]
    return [_series_name(config, varying) for config in configs]


def _series_name(config: Mapping[str, Any], varying: Sequence[str]) -> str:
    model = _get(config, "model.name")
    name = _NAMES.get(model, model)
    for key in varying:
        value = _get(config, key)
        if (key, str(value)) in _VALUES:
            name += f" {_VALUES[key, str(value)]}"
        elif key != "model.name" and value is not None:
            last = key.split(".")[-1]
            stage = f"stages.{key.split('.')[1]}." if key.startswith("stages.") else ""
            shown = stage if last == "name" else f"{stage}{last}="
            name += f", {shown}{short(value, '+') or 'none'}"
    return name


def _get(config: Mapping[str, Any], key: str) -> Any:
    if key.startswith("stages."):
        _, number, field = key.split(".", 2)
        return _of_stage(config["stages"], int(number), field)
    value: Any = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _of_stage(stages: Sequence[Any], number: int, field: str) -> Any:
    at, changes = stages[number] if number < len(stages) else (None, {})
    return at if field == "at" else changes.get(field)


def _recorded(values: np.ndarray) -> int:
    """Steps up to the last finite value; a diverged run still has a learning rate."""
    finite = np.flatnonzero(np.isfinite(values))
    return int(finite[-1]) + 1 if finite.size else 0


def _steps_per_epoch(rows: Mapping[str, np.ndarray] | None, length: int) -> int:
    """From the last evaluation, whose `step` counts the steps taken; else all are one epoch."""
    if rows is None or not rows["epoch"][-1] > 0:
        return max(length, 1)
    return max(round(rows["step"][-1] / rows["epoch"][-1]), 1)
