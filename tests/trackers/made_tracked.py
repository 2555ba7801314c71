"""Records of a group that trains without training: what trackers are fed with."""

import numpy as np

from jaxcifar.records import formats


def rows(epochs, seconds=1.0):
    """Lines of metrics.jsonl, 3 steps an epoch; b diverges in the second."""
    return [
        {"member": name, "epoch": float(epoch), "step": 3 * epoch, "lr": 0.01,
         "train_loss": 2.3 / epoch, "val_loss": None if (name, epoch) == ("b", 2) else 2.0 / epoch,
         "val_accuracy": 0.1 * epoch, "seconds": seconds * epoch}
        for epoch in range(1, epochs + 1) for name in "ab"
    ]  # fmt: skip


def histograms(epochs):
    """histograms.npz of one leaf, with epoch 0; b's are not finite from the second on."""
    shape = (2, epochs + 1, 1)
    low = np.full(shape, -1.0, np.float32)
    low[1, 2:] = np.nan
    counts = np.tile(np.arange(64, dtype=np.int32), (*shape, 1))
    counts += np.arange(epochs + 1, dtype=np.int32)[:, None, None]
    return {
        "members": np.array(["a", "b"]), "epochs": np.arange(epochs + 1.0),
        "leaves": np.array(["conv1/kernel"]), "counts": counts, "low": low,
        "high": np.full(shape, 3.0, np.float32), "mean": np.full(shape, 0.5, np.float32),
        "std": np.full(shape, 2.0, np.float32),
    }  # fmt: skip


def save(job, epochs, **changes):
    formats.write_lines(job.path / "metrics.jsonl", rows(epochs, **changes))


def finish(job):
    score = {"best": {"accuracy": 0.5, "loss": 1.5}, "last": {"accuracy": None, "loss": None}}
    members = {name: {"test": score, "best_epoch": None} for name in "ab"}
    formats.write_json(job.path / "summary.json", {"members": members})


def train_quickly(job, machine, saved):
    """As `train_group`, with records made up: 2 epochs."""
    formats.write_json(job.path / "group.json", {"members": ["a", "b"], "numerics": {}})
    for epochs in (1, 2):
        save(job, epochs)
        saved()
    finish(job)
