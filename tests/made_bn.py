"""Records of the BatchNorm study as its results page needs them, made up from a seed."""

import json

import numpy as np
from made_records import write_run
from made_report import finish

from jaxcifar.report import run_records
from jaxcifar.reproduction import reference
from jaxcifar.reproduction.batchnorm import measures

PLACE = "/secret/place"  # of the images: no page names it
RATES = reference.load("bn")["rates"]


def make(
    folder, variant="r1", report="R1", changes=None, dtype="float32", accuracy=None, **records
):
    """A finished run at a report's settings, but for `changes` by dotted path."""
    settings = reference.load("bn")[report]["config"] | (changes or {})
    options = {"seeds": 3, "epochs": settings["train.epochs"], "spe": 4,
               "label": "CIFAR-10 (JPEG)", "select_on": "test", "rates": RATES}  # fmt: skip
    write_run(folder, **{**options, **records})
    finish(folder, select="last", width=1.0, accuracy=accuracy or [0.8] * 99)
    config = json.loads((folder / "config.json").read_text())
    config |= {"variant": variant}
    config["data"]["source"] = PLACE
    for member in config["members"]:
        tree = member["config"]
        tree["dtype"] = dtype
        for path, value in settings.items():
            part, _, name = path.rpartition(".")
            tree |= {part: {**tree.get(part, {}), name: value}} if part else {name: value}
    (folder / "config.json").write_text(json.dumps(config))
    environment = json.loads((folder / "environment.json").read_text())
    environment["command"] = f"python scripts/reproduce_bn.py --data={PLACE} --variants {variant}"
    environment["data"] = {"label": "CIFAR-10 (JPEG)", "source": PLACE}
    (folder / "environment.json").write_text(json.dumps(environment))
    return folder


def set_losses(run, epochs_of):
    """Overwrite the losses of a run that was read: each step has its epoch's number.

    `epochs_of(network, rate, seed)` gives one number an epoch.
    """
    for row, member in enumerate(run.records.members):
        network = "plain" if "without" in member.series else "bn"
        values = np.asarray(epochs_of(network, member.lr, member.replicate), float)
        run.records.steps["loss"][row] = np.repeat(values, member.steps_per_epoch)


def load(folder):
    """The study's view of a run folder."""
    return measures.view(run_records.read(folder))


def as_recorded(network, lr, seed):
    """R1's recorded losses, in between as straight lines."""
    found = reference.curve(reference.load("bn")["R1"], "train_loss", network)
    return np.interp(np.arange(1, 51), found.epochs, found.values[RATES.index(lr)])
