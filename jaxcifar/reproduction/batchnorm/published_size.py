"""Which report a run follows, and where its size or settings are not the published ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxcifar.config import Config, replace
from jaxcifar.config.tree import as_dict
from jaxcifar.core.wording import listed, plural
from jaxcifar.report.blocks import short
from jaxcifar.report.run_records import Json
from jaxcifar.reproduction.batchnorm.measures import NETWORKS, View
from jaxcifar.reproduction.departures import FREE, said
from jaxcifar.reproduction.departures import departures as differing

# What "not given" means for the networks and optimizers of this study.
DEFAULTS = {"model.width": 1.0, "model.init": "torch", "optim.weight_decay": 0.0}
VARIED = ("model.norm", "optim.lr", "train.record")  # the study's axes; what else it takes down
WORDS = {
    "model.name": "network",
    "model.width": "width",
    "model.init": "initialisation",
    "data.name": "data",
    "data.n_train": "training images",
    "data.n_test": "test images",
    "data.validation": "share of the training images set aside",
    "data.normalisation": "normalisation",
    "data.augment": "augmentation",
    "optim.name": "optimizer",
    "optim.weight_decay": "weight decay",
    "optim.clip": "gradient clipping",
    "loss.name": "loss",
    "schedule.name": "schedule",
    "train.epochs": "epochs",
    "train.batch_size": "batch size",
}


def follows(view: View) -> str:
    """The report whose initialisation a run uses: ``R0`` (Xavier normal) or ``R1``."""
    return "R0" if "xavier_normal" in view.run.settings("model.init") else "R1"


def departures(
    view: View, reference: Mapping[str, Any], report: str, own: Mapping[str, Any] | None = None,
    free: Sequence[str] = (), rates: Sequence[float] | None = None,
) -> tuple[str, ...]:  # fmt: skip
    """Where a run is not what a report ran: ``width 0.25 (published: 1)``; empty at its size.

    Args:
        view: the run.
        reference: of the study.
        report: whose settings count.
        own: settings that the run has to have instead of the report's, by dotted path.
        free: further settings that do not count.
        rates: the learning rates of each network; none of them count where it is empty, and it is
            the reports' where it is None.
    """
    published = wanted(reference, report, own or {})
    found = [
        f"{WORDS.get(path, path)} {listed(ours)} (published: {theirs})"
        for path, (ours, theirs) in _odd(view, published, free).items()
    ]
    found += _odd_rates(view, reference["rates"] if rates is None else rates)
    if open_ := view.run.unfinished:
        found.append(f"{len(open_)} of {plural(len(view.run.entries), 'member')} not finished")
    return tuple(found)


def _odd_rates(view: View, published: Sequence[float]) -> list[str]:
    for network in NETWORKS:
        rates = sorted({lr for name, _, lr in view.cells if name == network})
        if published and rates != sorted(published):
            ours, theirs = (listed([short(rate) for rate in each]) for each in (rates, published))
            return [f"learning rates {ours} (published: {theirs})"]
    return []


def wanted(reference: Mapping[str, Any], report: str, own: Mapping[str, Any]) -> Json:
    """The config of a report's members, but for `VARIED`: what it states, else the defaults."""
    stated = {**reference[report]["config"], **own}.items()
    return as_dict(
        replace(Config(), {p: tuple(v) if isinstance(v, list) else v for p, v in stated})
    )


def _odd(view: View, published: Json, free: Sequence[str]) -> dict[str, tuple[list[str], str]]:
    """Settings that are not the published ones, in words, those that have a name first."""
    odd: dict[str, tuple[list[str], str]] = {}
    there = _filled(published)
    for entry in view.run.entries:
        found = differing(_filled(entry["config"]), there, (*FREE, *VARIED, *free))
        for path, (ours, theirs) in found.items():
            values = odd.setdefault(path, ([], said(path, theirs)))[0]
            values += [said(path, ours)] * (said(path, ours) not in values)
    order = [*WORDS, *odd]
    return {path: odd[path] for path in sorted(odd, key=order.index)}


def _filled(config: Json) -> dict[str, Any]:
    """A config with what "not given" means."""
    tree = dict(config)
    for path, value in DEFAULTS.items():
        part, _, name = path.partition(".")
        if tree.get(part, {}).get(name) is None:
            tree[part] = {**tree.get(part, {}), name: value}
    return tree
