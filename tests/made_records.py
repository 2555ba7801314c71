"""A run folder's records without a run: made-up curves in the shape of the study's."""

import json

import numpy as np

UNITS = dict.fromkeys(
    (
        "loss",
        "lr",
        "accuracy",
        "first_conv_grad_norm",
        "last_layer_grad_min",
        "last_layer_grad_max",
    ),
    "1",
)


def make_steps(rng, norm, lr, epochs, spe):
    """Made-up curves in the shape of the study's: fast and calm with BatchNorm, slow without."""
    t = np.arange(epochs * spe) / spe
    rate = (0.55 if norm == "batch" else 0.22) * (1e-3 / max(lr, 4e-4)) ** 0.35
    mean = 2.3 * np.exp(-rate * t) + 0.03
    loss = mean * np.exp((0.1 + 0.2 * (norm == "none")) * rng.normal(size=t.size) - 0.02)
    top = (0.12 if norm == "none" else 0.1) * np.exp(-t / 15) * (1 + 0.2 * rng.random(t.size))
    return {
        "loss": loss,
        "lr": np.full(t.size, lr),
        "accuracy": np.clip(1 - mean / 2.5, 0, 1),
        "first_conv_grad_norm": (1 + t * np.exp(-t / 8)) * (1 + 0.3 * rng.random(t.size)),
        "last_layer_grad_min": -top,
        "last_layer_grad_max": 1.05 * top,
    }


def write_run(
    folder, rates=(1e-3, 2e-3, 5e-4, 1e-4), norms=("batch", "none"), seeds=1, epochs=4, spe=10,
    diverge=None, select_on="validation", label="synthetic", shorter=None,
):  # fmt: skip
    """A run folder's records; `diverge` maps ids to bad steps, `shorter` ids to epochs."""
    rng, members, rows, lines = np.random.default_rng(0), [], [], []
    total = epochs * spe
    for seed in range(seeds):
        for norm in norms:
            for lr in rates:
                study_id = f"{'bn' if norm == 'batch' else 'plain'}-{lr:g}"
                name = study_id + (f".s{seed}" if seed else "")
                length = (shorter or {}).get(name, epochs)
                steps = make_steps(rng, norm, lr, length, spe)
                bad = (diverge or {}).get(name, total)
                for field in UNITS:
                    row = np.full(total, np.nan)
                    row[: length * spe] = steps[field]
                    if field != "lr":
                        row[bad:] = np.nan
                    steps[field] = row
                config = {
                    "model": {"name": "vgg_a", "norm": norm}, "optim": {"lr": lr},
                    "select_on": select_on,
                }  # fmt: skip
                overrides = {"model.norm": norm, "optim.lr": lr}
                members.append({
                    "id": name, "seed": seed, "study_id": study_id, "overrides": overrides,
                    "config": config, "identity": "0",
                })  # fmt: skip
                rows.append(steps)
                lines += make_lines(name, steps, spe, length)
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "study": "bn", "variant": "quick", "seeds": seeds, "base": {}, "members": members,
        "data": {"label": label, "fingerprint": "0", "source": "seed 0"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    np.savez(
        folder / "steps.npz",
        members=np.array([m["id"] for m in members]),
        axes=np.array(["member", "step"]),
        step=np.arange(total),
        units=np.array(json.dumps(UNITS)),
        **{field: np.stack([row[field] for row in rows]) for field in UNITS},
    )
    return folder


def make_lines(name, steps, spe, epochs):
    lines = []
    for e in range(epochs):
        loss = float(steps["loss"][e * spe : (e + 1) * spe].mean())
        accuracy = float(steps["accuracy"][e * spe : (e + 1) * spe].mean())
        known = np.isfinite(loss)
        values = {
            "train_loss": loss, "train_accuracy": accuracy,
            "val_loss": 0.5 * loss + 0.6, "val_accuracy": 0.8 * accuracy,
        }  # fmt: skip
        line = {"member": name, "epoch": float(e + 1), "step": (e + 1) * spe}
        lines.append(line | {k: v if known else None for k, v in values.items()})
    return lines
