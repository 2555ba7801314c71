"""Run folders of the published experiments: which holds what, and what is at its published size."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxcifar.config import Study, replace
from jaxcifar.config.tree import as_dict
from jaxcifar.core.wording import listed
from jaxcifar.records.networks import Inside, read_inside
from jaxcifar.report.run_records import Json, Run, read, setting
from jaxcifar.reproduction.departures import Departures, departures
from jaxcifar.reproduction.departures import said as words

ORDER = ("published", "asrun", None, "quick")  # of variants, the one that speaks first


class Trained(NamedTuple):
    """A run folder of one config: `variant` is None for the clean one.

    `mark` tells it from runs of the same variant and compute type; "" where there is none.
    """

    config: str
    variant: str | None
    folder: Path
    run: Run
    inside: Inside
    wanted: Mapping[str, Json]  # member -> its config at the published size
    mark: str = ""

    @property
    def _more(self) -> list[str]:
        """What follows the variant in a name: the compute type where it is not float32, a mark."""
        types = [name for name in self.run.settings("dtype") if name != "float32"]
        return [*types, *([self.mark] if self.mark else [])]

    @property
    def name(self) -> str:
        """``r0_loss:published (bfloat16)``, for people."""
        variant = f":{self.variant}" if self.variant else ""
        return " ".join([f"{self.config}{variant}", *(f"({word})" for word in self._more)])

    @property
    def slug(self) -> str:
        """``r0_loss-published-bfloat16``, as part of a path."""
        return "-".join([self.config, self.variant or "clean", *self._more])

    def entries(self, member: str) -> list[Json]:
        """A member's seeds, as config.json lists them."""
        return [entry for entry in self.run.entries if entry["study_id"] == member]

    def departures(self, member: str) -> Departures:
        """Settings of a member that are not the published ones: path -> (ours, published)."""
        entries = self.entries(member)
        if member not in self.wanted or not entries:
            return {}
        return departures(entries[0]["config"], self.wanted[member])

    def at_size(self, member: str) -> bool:
        """Whether a member has the published settings and all its seeds are finished."""
        entries = self.entries(member)
        finished = all(entry["id"] in self.run.summary for entry in entries)
        return bool(entries) and finished and member in self.wanted and not self.departures(member)


def wanted(study: Study) -> dict[str, Json]:
    """The config of every member of a study, as config.json would have it."""
    return {m.id: as_dict(replace(study.base, m.overrides)) for m in study.members}


def find(runs: Path, studies: Mapping[str, Study]) -> dict[str, list[Trained]]:
    """The run folders below `runs` that have records, by config; who speaks first comes first.

    Runs of one variant and compute type are marked, so that no two names are the same.

    Args:
        runs: where run folders lie.
        studies: of each config, its study at the published size.
    """
    found: dict[str, list[Trained]] = {name: [] for name in studies}
    for path in sorted(runs.glob("*/steps.npz")):
        run = read(path.parent)
        name = run.config["study"]
        if name in studies and run.records.members:
            inside, size = read_inside(path.parent), wanted(studies[name])
            variant = run.config.get("variant")
            found[name].append(Trained(name, variant, path.parent, run, inside, size))
    return {name: _told_apart(sorted(rows, key=_rank)) for name, rows in found.items()}


def _told_apart(rows: Sequence[Trained]) -> list[Trained]:
    """Runs of one name marked by what is their folders' own: the hash in their usual names."""
    names = [trained.name for trained in rows]
    return [
        trained._replace(mark=_own(trained)) if names.count(trained.name) > 1 else trained
        for trained in rows
    ]


def _own(trained: Trained) -> str:
    usual = "-".join(filter(None, [trained.config, trained.variant]))
    return trained.folder.name.removeprefix(f"{usual}-")


def _rank(trained: Trained) -> tuple[bool, int, int]:
    known = trained.variant in ORDER
    place = ORDER.index(trained.variant) if known else len(ORDER)
    off = not any(map(trained.at_size, trained.wanted))
    return off, place, len(trained.run.unfinished)


def sizes(trained: Trained, members: Sequence[str]) -> tuple[str, ...]:
    """How a run differs from the published size, in words; nothing where it does not."""
    seen: dict[str, dict[tuple[str, str], None]] = {}
    for member in members:
        for path, (ours, published) in trained.departures(member).items():
            seen.setdefault(path, {})[words(path, ours), words(path, published)] = None
    said = []
    for path, pairs in seen.items():
        ours, published = (listed(list(dict.fromkeys(side))) for side in zip(*pairs, strict=True))
        said.append(f"{path} {ours} (published: {published})")
    if open_ := trained.run.unfinished:
        said.append(f"{len(open_)} of {len(trained.run.entries)} members not finished")
    return tuple(said)


def seconds(trained: Trained) -> float:
    """Wall seconds of the finished groups."""
    return sum(trained.run.seconds.values())


def device(trained: Trained) -> str:
    """``1 x NVIDIA H200 (gpu)``; of a CPU, with its cores."""
    env = trained.run.environment
    cores = f", {env['cores']} cores" if env.get("backend") == "cpu" and "cores" in env else ""
    return f"{env.get('devices', 1)} \u00d7 {env.get('device_kind', '?')}{cores}"


def label(trained: Trained) -> str:
    """What the images are: ``CIFAR-10``, ``CIFAR-10 (JPEG)``, ``synthetic``."""
    return str(setting(trained.run.config, "data.label"))
