"""Where a run's settings are not those of the experiment that it repeats; the same for all reports.

Every setting is compared but those in `FREE`.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from jaxcifar.config import SEEDS, source
from jaxcifar.report.blocks import short
from jaxcifar.report.run_records import Json

# What cannot make a member another experiment. Compute type and data source are told beside it; of
# evaluations, only how often they come decides anything: the selecting images are asked as often.
FREE = (
    "seed", *SEEDS, "deterministic", "dtype", "checkpoint",
    "data.dir", "eval.batch_size", "eval.train", "eval.histograms", "eval.probes", "probe",
)  # fmt: skip
NOTHING = {
    "data.n_train": "all", "data.n_test": "all", "optim.clip": "none", "init_from": "none",
}  # fmt: skip
Departures = dict[str, tuple[Any, Any]]  # dotted path -> (ours, published)


def departures(ours: Json, published: Json, free: Collection[str] = FREE) -> Departures:
    """Where two configs differ, both as config.json has them; settings in `free` are left out.

    A setting that one of them does not know yet is not compared. First weights are the same if
    they are of the same member of a folder of the same name, wherever that lies.
    """
    here, there = dict(_leaves(ours)), dict(_leaves(published))
    return {
        path: (here[path], value)
        for path, value in there.items()
        if path in here
        and _comparable(path, here[path]) != _comparable(path, value)
        and not any(path == name or path.startswith(f"{name}.") for name in free)
    }


def _leaves(tree: Json, prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _comparable(path: str, value: Any) -> Any:
    """First weights without their folder's place and the digest that a run pins, as no page's."""
    if path != "init_from" or value is None:
        return value
    weights = source(value)
    return f"{Path(weights.folder).name}:{weights.member}:{weights.which}"


def said(path: str, value: Any) -> str:
    """A setting in words: ``0.25``, ``hflip, crop``, ``none``, ``from 0.8 on optim.name sgd``."""
    value = _comparable(path, value)
    if value is None:
        return NOTHING.get(path, "not given")
    if path == "stages":
        return "; ".join(f"from {short(at)} on {_changes(row)}" for at, row in value) or "none"
    if isinstance(value, list):
        return ", ".join(map(short, value)) or "none"
    return short(value)


def _changes(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} {short(value)}" for path, value in row.items())
