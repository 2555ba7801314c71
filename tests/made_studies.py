"""Records of the studies beside the BatchNorm bands, made up: members as their config files say."""

import dataclasses
import json

import numpy as np
from places import CONFIGS

from jaxcifar import cli
from jaxcifar.config import ProbeConfig, population, tree
from jaxcifar.records import step_probes
from jaxcifar.records.covariate_shift import Shift
from jaxcifar.reproduction import reference
from jaxcifar.reproduction.batchnorm import studies

BN = reference.load("bn")
EPOCHS, STEPS = 4, 10  # of the records; what the configs say of their length stays
LAYERS = ("conv1", "bn1", "conv2", "fc1")


def network(config):
    return "bn" if config.model.norm == "batch" else "plain"


def make_study(folder, kind, variant=None, seeds=3, loss=None, accuracy=None, curve=None,
               epochs=EPOCHS, steps=STEPS):  # fmt: skip
    """A finished run of a study's config; what is not given is made up.

    `loss(config, seed)` gives (epochs * steps,) numbers, `accuracy` the last weights' on the test
    set, `curve` one for each epoch on the selecting images.
    """
    study = cli.load_study(f"{CONFIGS}/{kind}.py" + (f":{variant}" if variant else ""))
    runs = population.expand(dataclasses.replace(study, seeds=seeds), lambda _: "0")
    members, losses, lines, summary = [], [], [], {}
    for run in runs:
        seed = run.seed - study.base.seed
        config = tree.as_dict(run.config)
        members.append({"id": run.id, "seed": run.seed, "study_id": run.study_id, "identity": "0",
                        "overrides": run.overrides, "config": config})  # fmt: skip
        losses.append((loss or falling)(run.config, seed))
        reached = (accuracy or made_accuracy)(run.config, seed)
        summary[run.id] = {
            "parameters": 1, "best_epoch": 1.0, "best_step": steps, "diverged_step": None,
            "validation": {"accuracy": reached, "loss": 1.0},
            "test": {"last": {"accuracy": reached, "loss": 1.0}},
            "seconds": 1.0, "images_per_second": 1.0,
        }  # fmt: skip
        rows = (curve or rising)(run.config, seed)
        lines += [
            {"member": run.id, "epoch": e + 1.0, "step": (e + 1) * steps, "val_accuracy": rows[e]}
            for e in range(epochs)
        ]
    head = {"study": kind, "variant": variant, "seeds": seeds, "base": {}, "members": members,
            "data": {"label": "CIFAR-10 (JPEG)", "fingerprint": "0", "source": "made"}}  # fmt: skip
    table = np.array(losses)
    group = folder / "groups" / "one"
    group.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(head))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "environment.json").write_text(json.dumps({"command": "python scripts/made.py"}))
    for place in (folder, group):
        text = json.dumps({"members": summary, "select": "last"})
        (place / "summary.json").write_text(text)
    np.savez(
        folder / "steps.npz", members=[m["id"] for m in members], loss=table,
        lr=np.ones_like(table), units=json.dumps({"loss": "nats", "lr": "1"}),
    )  # fmt: skip
    return folder


def load(folder):
    return studies.read_study(folder, BN)


def falling(config, seed):
    rate = 3 if network(config) == "bn" else 2
    return 2.2 * np.exp(-rate * np.linspace(0, 1, EPOCHS * STEPS)) + 0.01 * seed


def made_accuracy(config, seed):
    return 0.7 + (0.1 if network(config) == "bn" else 0) + 0.01 * seed


def rising(config, seed):
    return np.linspace(0.4, 0.8, EPOCHS)


def along_gradient(factor=1.0, probes=9, seed=0):
    """Probes whose smoothness is `factor` at every size: a quadratic of that curvature."""
    sizes = np.array(ProbeConfig().sizes)
    norm = np.linspace(2.0, 1.0, probes)
    loss = np.linspace(2.0, 0.5, probes)
    moved = sizes * norm[:, None]
    losses = loss[:, None] - moved * norm[:, None] + factor * moved**2 / 2
    seen = {"loss": loss, "gradient_norm": norm, "losses": losses, "distance": factor * moved,
            "cosine": np.full(moved.shape, 1 - 0.1 * factor)}  # fmt: skip
    return step_probes.StepProbes(
        **step_probes.with_smoothness(np.arange(probes) * 50, sizes, seen)
    )


def shifted(distance, cosine, layers=LAYERS, probes=6):
    """The same shift of every layer but the first, at every probe."""
    ones = np.ones((probes, len(layers)))
    after = np.array([0.0] + [1.0] * (len(layers) - 1))
    return Shift(layers, np.arange(probes) * 100, 2 * ones, distance * after * ones, cosine * ones)


def probed(tmp_path, smooth, seeds=2, distances=(0.1, 1.0)):
    """A run of probes, its curvature by network; of the shift, too."""
    study = load(make_study(tmp_path / "run", "bn_probe", seeds=seeds))
    ids = {entry["id"]: entry["config"]["model"]["norm"] for entry in study.run.entries}
    found = {name: along_gradient(smooth["bn" if norm == "batch" else "plain"])
             for name, norm in ids.items()}  # fmt: skip
    shifts = {
        name: shifted(distances[0], 0.9) if norm == "batch"
        else shifted(distances[1], 0.6, ("conv1", "conv2", "fc1"))
        for name, norm in ids.items()
    }  # fmt: skip
    return study._replace(inside=study.inside._replace(step_probes=found, shift=shifts))
