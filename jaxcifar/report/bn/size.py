"""Which report a run follows, and where its size or settings are not the published ones."""

from collections.abc import Mapping
from typing import Any

from jaxcifar.report.blocks import listed, plural, short
from jaxcifar.report.bn.measures import NETWORKS, View
from jaxcifar.report.reading import setting

# What "not given" means for the networks and optimizers of this study.
DEFAULTS = {"model.width": 1.0, "model.init": "torch", "optim.weight_decay": 0.0}
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


def departures(view: View, reference: Mapping[str, Any], report: str) -> tuple[str, ...]:
    """Where a run is not what a report ran: ``width 0.25 (published: 1)``; empty at its size."""
    found = []
    for path, published in reference[report]["config"].items():
        values = {_value(entry["config"], path): None for entry in view.run.entries}
        odd = [value for value in values if value != _plain(published)]
        if odd:
            said = listed([_said(path, value) for value in odd])
            found.append(f"{WORDS[path]} {said} (published: {_said(path, _plain(published))})")
    for network in NETWORKS:
        rates = sorted({lr for name, _, lr in view.cells if name == network})
        if rates != sorted(reference["rates"]):
            there = listed([short(rate) for rate in rates])
            found.append(f"learning rates {there} (published: {_rates(reference)})")
            break
    if open_ := view.run.unfinished:
        found.append(f"{len(open_)} of {plural(len(view.run.entries), 'member')} not finished")
    return tuple(found)


def _rates(reference: Mapping[str, Any]) -> str:
    return listed([short(rate) for rate in reference["rates"]])


def _value(config: Mapping[str, Any], path: str) -> Any:
    value = setting(config, path)
    return _plain(DEFAULTS.get(path) if value is None else value)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _said(path: str, value: Any) -> str:
    if value is None and path.startswith("data.n_"):
        return "all"
    if value is None or value == ():
        return "none"
    return ", ".join(value) if isinstance(value, tuple) else short(value)
