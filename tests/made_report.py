"""What a finished run's folder holds on top of `made_records`: environment, summary, data."""

import json

DATA = {
    "name": "synthetic", "n_train": 8192, "n_test": 2000, "validation": 0.1, "split_seed": 42,
    "normalisation": "half",
}  # fmt: skip


def finish(folder, leave_out=(), select="best", width=0.25, commit="c" * 40, accuracy=None):
    """Add what a finished run has on top of `write_run`'s records."""
    config = json.loads((folder / "config.json").read_text())
    config["data"] = {"label": config["data"]["label"], "fingerprint": "ab" * 32,
                      "source": "generated from seed 0: 8,192 train, 2,000 test"}  # fmt: skip
    for member in config["members"]:
        tree = member["config"]
        tree |= {"data": DATA, "train": {"epochs": 4, "batch_size": 128}, "select": select}
        tree["model"]["width"] = width
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "environment.json").write_text(json.dumps({
        "commit": commit, "versions": {"jaxcifar": "0.1.0", "jax": "0.10.2", "other": None},
        "python": "3.11.2", "command": "python -m jaxcifar.train --config configs/bn.py:quick",
        "backend": "cpu", "device_kind": "cpu", "devices": 1, "cores": 2,
        "groups": {"vgg_a-batch-0a": {"lane": "vmap", "lowering": "winograd"}},
    }))  # fmt: skip
    rows = {}
    for index, member in enumerate(config["members"]):
        if member["id"] not in leave_out:
            reached = accuracy[index] if accuracy else 0.8 + 0.01 * index
            rows[member["id"]] = {
                "parameters": 611_610, "best_epoch": 3.0, "best_step": 30, "diverged_step": None,
                "validation": {"accuracy": 0.7654, "loss": 0.7},
                "test": {"last": {"accuracy": reached, "loss": 0.8},
                         "best": {"accuracy": reached - 0.05, "loss": 0.9}},
                "seconds": 61.25, "images_per_second": 1234.5,
            }  # fmt: skip
    summary = {"members": rows, "select": select}
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "groups" / "vgg_a-batch-0a").mkdir(parents=True, exist_ok=True)
    (folder / "groups" / "vgg_a-batch-0a" / "summary.json").write_text(json.dumps(summary))
    return folder
