"""A run folder's records as the report needs them."""

from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar.data import GENERATED, split
from jaxcifar.data.dataset import N_TEST, N_TRAIN
from jaxcifar.records import study_file
from jaxcifar.records.curves import Member, Records, read_run
from jaxcifar.records.formats import read_json
from jaxcifar.records.networks import finished_members

Json = Mapping[str, Any]
SIZES = {"cifar10": (N_TRAIN, N_TEST)} | {
    name: (made.N_TRAIN, made.N_TEST) for name, (_, made) in GENERATED.items()
}


class Run(NamedTuple):
    """All records of a run; what was not written yet is empty."""

    config: Json  # config.json
    environment: Json  # environment.json
    summary: Json  # members -> row of summary.json
    records: Records  # metrics.jsonl and steps.npz
    seconds: Mapping[str, float]  # finished group -> seconds

    @property
    def entries(self) -> list[Json]:
        """The members as the study lists them, begun or not."""
        return list(self.config["members"])

    @property
    def unfinished(self) -> list[str]:
        """Ids of the members without a summary."""
        return [entry["id"] for entry in self.entries if entry["id"] not in self.summary]

    @property
    def leading(self) -> str:
        """Which weights the study reports: "best", "last", "swa" or "ema"."""
        return next(iter(self.settings("select")), "best")

    @property
    def kinds(self) -> list[str]:
        """The kinds of weights that were scored, the one that the study reports first."""
        scored = [kind for row in self.summary.values() for kind in row.get("test", {})]
        there = dict.fromkeys(["best", "last", *sorted({*scored} - {"best", "last"})])
        return sorted(there, key=lambda kind: kind != self.leading)

    @property
    def test_selected(self) -> bool:
        """Whether the best epoch was chosen by the test set."""
        return "test" in self.settings("select_on")

    def settings(self, path: str) -> list[Any]:
        """The distinct values of a setting over all members, None left out."""
        values = [setting(entry["config"], path) for entry in self.entries]
        kept: list[Any] = []
        for value in values:
            if value is not None and value not in kept:
                kept.append(value)
        return kept

    def member(self, name: str) -> Member | None:
        """A member's step records, if it has any."""
        return next((member for member in self.records.members if member.id == name), None)


def read(workdir: Path) -> Run:
    """Read every record file of a run folder; those of an unfinished run may be missing.

    Raises: UserError: no run folder, no step recorded yet, or a damaged file.
    """
    records = read_run(workdir)
    groups = sorted((workdir / "groups").glob("*/summary.json"))
    spent = {path.parent.name: finished_members(path) for path in groups}
    return Run(
        config=study_file.read(workdir),
        environment=read_json(workdir / "environment.json") or {},
        summary=finished_members(workdir / "summary.json"),
        records=records,
        seconds={name: max(r["seconds"] for r in rows.values()) for name, rows in spent.items()},
    )


def setting(tree: Any, path: str) -> Any:
    """The value at a dotted path of nested dictionaries; None where there is none."""
    return reduce(lambda t, key: t.get(key) if isinstance(t, Mapping) else None,
                  path.split("."), tree)  # fmt: skip


class Images(NamedTuple):
    """How many images of a set a member used."""

    train: int
    validation: int
    test: int


def images(config: Json) -> Images | None:
    """The numbers of images that a member's config asks for; None if it names no data set."""
    part = setting(config, "data") or {}
    if part.get("name") not in SIZES:
        return None
    all_train, all_test = SIZES[part["name"]]
    whole = part.get("n_train") or all_train
    train, validation = split(whole, part["validation"], part["split_seed"])
    return Images(len(train), len(validation), part.get("n_test") or all_test)
