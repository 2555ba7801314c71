"""Records of a study's run, made up: every curve ends at the accuracy that the test asks for."""

import json

import numpy as np

from jaxcifar.config import population
from jaxcifar.records import study_file

FIELDS = ("loss", "lr", "accuracy")


def make(folder, study, accuracy, epochs=4, leave_out=(), label="CIFAR-10 (JPEG)"):
    """A finished run of a study; `accuracy(member, seed)` is what its weights reach."""
    runs = population.expand(study, lambda config: "0")
    folder.mkdir(parents=True)
    head = {"study": study.name, "variant": study.variant, "seeds": study.seeds}
    data = {"label": label, "fingerprint": "ab" * 32, "source": "/secret/place"}
    study_file.write(folder, head, study.base, runs, data)
    reached = {
        run.id: accuracy(run.study_id, n // len(study.members)) for n, run in enumerate(runs)
    }
    lines = [line for run in runs for line in curve(run.id, reached[run.id], epochs)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    steps = np.linspace(2.3, 0.5, 2 * epochs)[None].repeat(len(runs), 0)
    np.savez(
        folder / "steps.npz", members=np.array([run.id for run in runs]),
        units=np.array(json.dumps(dict.fromkeys(FIELDS, "1"))), step=np.arange(2 * epochs),
        **dict.fromkeys(FIELDS, steps),
    )  # fmt: skip
    rows = {name: row(value) for name, value in reached.items() if name not in leave_out}
    group = folder / "groups" / "g"
    group.mkdir(parents=True)
    for path in (folder, group):
        (path / "summary.json").write_text(json.dumps({"members": rows}))
    environment = {
        "commit": "c" * 40, "versions": {"jax": "0.10.2"}, "python": "3.11.2", "backend": "gpu",
        "device_kind": "NVIDIA H200", "devices": 1, "cores": 2, "groups": {},
        "command": "python scripts/reproduce.py --data=/secret/place",
    }  # fmt: skip
    (folder / "environment.json").write_text(json.dumps(environment))
    return folder


def curve(name, reached, epochs):
    """Accuracy rises to what is reached, in equal steps."""
    return [
        {"member": name, "epoch": e, "step": 2 * e, "lr": 0.1, "train_loss": 2 / e,
         "train_accuracy": reached * e / epochs, "val_loss": 2.1 / e,
         "val_accuracy": reached * e / epochs, "seconds": 10.0 * e}
        for e in map(float, range(1, epochs + 1))
    ]  # fmt: skip


def row(reached):
    """A finished member's row of summary.json."""
    score = {"accuracy": reached, "loss": 0.6}
    return {
        "parameters": 1000, "best_epoch": 4.0, "best_step": 8, "diverged_step": None,
        "validation": score, "test": dict.fromkeys(("best", "last", "swa"), score),
        "seconds": 60.0, "images_per_second": 500.0,
    }  # fmt: skip
