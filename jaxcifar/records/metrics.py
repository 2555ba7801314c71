"""The record files of a run folder: made from Books alone, merged over groups."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxcifar.core.types import Book
from jaxcifar.records.formats import described, read_lines, read_table, write_lines, write_table

UNITS = {
    "loss": "nats",
    "accuracy": "fraction of the minibatch",
    "lr": "1",
    "examples": "fingerprint of the minibatch (uint32)",
    "first_conv_grad_norm": "L2 norm of the first convolution's kernel gradient",
    "last_layer_grad_min": "smallest entry of the last layer's kernel gradient",
    "last_layer_grad_max": "largest entry of the last layer's kernel gradient",
}


def rows_of(members: Sequence[str], book: Book) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl that a Book holds: by evaluation, then by member."""
    lines = []
    for index in np.flatnonzero(np.isfinite(book.rows["step"][0])):
        for m, member in enumerate(members):
            line: dict[str, Any] = {"member": member}
            for name, values in book.rows.items():
                if name.startswith("train_eval") and np.isnan(values[:, : index + 1]).all():
                    continue  # was not asked for
                value = float(values[m, index])
                line[name] = (
                    (int(value) if name == "step" else value) if np.isfinite(value) else None
                )
            lines.append(line)
    return lines


def step_table(
    members: Sequence[str], book: Book, sizes: np.ndarray, taken: int
) -> dict[str, np.ndarray]:
    """The arrays of steps.npz: (M, S) fields of the steps taken so far; `sizes` are (S,) images."""
    fields = {name: values[:, :taken].copy() for name, values in book.steps.items()}
    loss = fields["loss"]
    fields["accuracy"] = (fields.pop("correct") / sizes[:taken]).astype(np.float32)
    dead = np.isnan(loss) | (np.cumsum(~np.isfinite(loss), axis=1) > 0)
    for name, values in fields.items():
        if name not in ("lr", "examples"):
            values[dead] = np.nan
    head = {"axes": ["member", "step"], "step": np.arange(taken, dtype=np.int64)}
    units = {name: UNITS[name] for name in sorted(fields)}
    return described(members, head, units, dict(sorted(fields.items())))


def write_group(
    folder: Path, members: Sequence[str], book: Book, sizes: np.ndarray, taken: int
) -> None:
    """Replace a group's metrics.jsonl and steps.npz by what the Book holds."""
    write_lines(folder / "metrics.jsonl", rows_of(members, book))
    write_table(folder / "steps.npz", step_table(members, book, sizes, taken))


def merge(workdir: Path, order: Sequence[str], groups: Sequence[Path]) -> None:
    """Write the merged metrics.jsonl and steps.npz of all groups, members in the study's order."""
    place = {member: index for index, member in enumerate(order)}
    lines = [line for group in groups for line in read_lines(group / "metrics.jsonl")]
    lines.sort(key=lambda line: (line["epoch"], place[line["member"]]))
    write_lines(workdir / "metrics.jsonl", lines)
    tables = [read_table(group / "steps.npz") for group in groups]
    tables = [table for table in tables if table]
    if tables:
        write_table(workdir / "steps.npz", _merge_tables(tables, place))


def _merge_tables(
    tables: Sequence[Mapping[str, np.ndarray]], place: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Stack the groups' rows; where a group has no such field or fewer steps stands NaN (or 0)."""
    members = [str(name) for table in tables for name in table["members"]]
    sort = np.argsort([place[name] for name in members], kind="stable")
    longest = max(tables, key=lambda table: len(table["step"]))["step"]
    units = {k: v for table in tables for k, v in json.loads(str(table["units"])).items()}
    merged = {
        field: np.concatenate([_padded(table, field, len(longest)) for table in tables])[sort]
        for field in sorted(units)
    }
    head = {"axes": tables[0]["axes"], "step": longest}
    ordered = [members[index] for index in sort]
    return described(ordered, head, dict(sorted(units.items())), merged)


def _padded(table: Mapping[str, np.ndarray], field: str, length: int) -> np.ndarray:
    shape = (len(table["members"]), length)
    if field == "examples":
        whole = np.zeros(shape, np.uint32)
    else:
        whole = np.full(shape, np.nan, np.float64 if field == "lr" else np.float32)
    if field in table:
        whole[:, : table[field].shape[1]] = table[field]
    return whole
