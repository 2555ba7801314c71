"""From a group's record files to writers: what is new since the last look, and what ends a run."""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from jaxcifar.config.population import MemberRun
from jaxcifar.config.tree import as_dict
from jaxcifar.core.types import Options
from jaxcifar.models.overview import layer_table
from jaxcifar.planning.group import Group
from jaxcifar.records import formats, study_file
from jaxcifar.records.networks import finished_members
from jaxcifar.trackers.writer import Histogram, Subject, Writer

OpenWriter = Callable[[Subject], Writer | None]
NOT_POINTS = ("member", "step")
JUDGED_BY = ("val_accuracy", "val_loss", "train_loss")


class Feed:
    """Keeps a tracker's writers level with the records of the group that is being trained."""

    def __init__(self, open_writer: OpenWriter) -> None:
        self._open = open_writer
        self._writers: dict[str, Writer | None] = {}

    def update(self, group: Group) -> None:
        """Write every row and histogram that the writers do not hold yet."""
        if not self._writers:
            for member in group.members:  # one by one: whoever is open is closed on an error
                self._writers[member.id] = self._begin(group, member)
        began = (group.path / "group.json").stat().st_mtime
        rows = formats.read_lines(group.path / "metrics.jsonl")
        histograms = formats.read_table(group.path / "histograms.npz")
        for name, writer in self._writers.items():
            if writer is None:
                continue
            for step, epoch, values in _points([row for row in rows if row["member"] == name]):
                if step > writer.reached:
                    seconds = began + values.get("seconds", 0.0)
                    if values:
                        writer.scalars(values, step, seconds)
                    for leaf, found in histograms_at(histograms, name, epoch).items():
                        writer.histogram(f"weights/{leaf}", found, step, seconds)
                    writer.reached = step
            writer.flush()

    def finish(self, group: Group) -> None:
        """Write what is known of a finished group, and close its writers."""
        self.update(group)
        summary = finished_members(group.path / "summary.json")
        scores = formats.read_table(group.path / "test.npz")
        for name, writer in self._writers.items():
            if writer is not None:
                _finish_member(writer, group, name, summary[name], scores)
        self.close(complete=True)

    def figures(self, subject: Subject, pictures: list[Path]) -> None:
        """Hand over drawn figures, under the name of the study."""
        writer = self._open(subject)
        if writer is not None:
            for path in pictures:
                writer.figure(f"figures/{path.stem}", path.read_bytes())
            writer.close(complete=False)  # figures change when members are added

    def close(self, complete: bool = False) -> None:
        """Close the writers that are open."""
        writers, self._writers = self._writers, {}
        with ExitStack() as stack:  # closes the others where one fails
            for writer in filter(None, writers.values()):
                stack.callback(writer.close, complete)

    def _begin(self, group: Group, member: MemberRun) -> Writer | None:
        workdir = group.path.parents[1]
        writer = self._open(subject_of(workdir, member.id))
        if writer is not None and writer.reached < 0:
            writer.hyperparameters(flat(as_dict(member.config)), JUDGED_BY)
            program = group.plan.phases[0].program
            writer.text("network", _layer_table(program.model, program.options), 0)
        return writer


@lru_cache(maxsize=1)  # members of a group have one network
def _layer_table(model: str, options: Options) -> str:
    return layer_table(model, **dict(options))


def subject_of(workdir: Path, name: str) -> Subject:
    """A subject of a run folder."""
    return Subject(name, workdir, study_file.read(workdir)["study"])


def _points(rows: list[dict[str, Any]]) -> list[tuple[int, float, dict[str, float]]]:
    """(step, epoch, numbers by name) of a member's rows, the time before training first."""
    found: list[tuple[int, float, dict[str, float]]] = [(0, 0.0, {})]
    for row in rows:
        values = {k: v for k, v in row.items() if k not in NOT_POINTS and v is not None}
        found.append((row["step"], row["epoch"], values))
    return found


def histograms_at(
    table: Mapping[str, np.ndarray], member: str, epoch: float
) -> dict[str, Histogram]:
    """A member's histograms of an epoch, by parameter path; those of finite values only."""
    at = np.flatnonzero(table["epochs"] == epoch) if table else np.array([], int)
    if not at.size:
        return {}
    m = table["members"].tolist().index(member)
    numbers = ("low", "high", "mean", "std")
    found = {}
    for place, leaf in enumerate(table["leaves"].tolist()):
        where = (m, at[0], place)
        values = [float(table[name][where]) for name in numbers]
        if np.isfinite(values).all():
            found[leaf] = Histogram(table["counts"][where], *values)
    return found


def _finish_member(
    writer: Writer, group: Group, name: str, summary: Mapping[str, Any],
    scores: Mapping[str, np.ndarray],
) -> None:  # fmt: skip
    """Test scores, accuracy by class, and the best weights of a finished member."""
    last = group.plan.n_step
    tested = {
        f"test_{field}/{which}": value
        for which, score in summary["test"].items()
        for field, value in score.items()
        if value is not None
    }
    writer.scalars(tested, last, (group.path / "summary.json").stat().st_mtime)
    if scores:
        writer.text("accuracy by class", class_table(scores, name), last)
    if summary["best_epoch"] is not None:
        writer.artifact(f"{name}-best.safetensors", lambda path: _export(group, name, path))


def _export(group: Group, name: str, path: Path) -> None:
    from jaxcifar.interop.export import export

    export(group.path.parents[1], name, path, "best")


def class_table(scores: Mapping[str, np.ndarray], member: str) -> str:
    """Test accuracy (%) of each class, a column for each set of weights."""
    confusion = scores["confusion"][scores["members"].tolist().index(member)]
    images = np.maximum(confusion.sum(-1), 1)
    share = 100 * np.diagonal(confusion, axis1=-2, axis2=-1) / images  # (K, 10)
    lines = [f"{'class':<12}" + "".join(f"{kind:>9}" for kind in scores["kinds"])]
    for place, label in enumerate(scores["classes"]):
        lines.append(f"{label:<12}" + "".join(f"{value:9.2f}" for value in share[:, place]))
    return "\n".join(lines)


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """A resolved config by dotted path: numbers, truth values and text; what is not given, not."""
    found: dict[str, object] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        elif value is not None:
            plain = isinstance(value, bool | int | float | str)
            found[f"{prefix}{name}"] = value if plain else json.dumps(value)
    return found
