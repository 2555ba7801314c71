"""Made-up test.npz, histograms.npz and probes.npz, in the shapes that real networks leave."""

import json

import matplotlib
import numpy as np
from made_records import write_run
from made_report import finish

from jaxcifar import figures
from jaxcifar.records import step_probes
from jaxcifar.records.activations import LEVELS

PARTS = ("test", "histograms", "probes", "step_probes", "covariate_shift", "activations")

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BINS = 15


def make_test(rng, members, skill, kinds=("best", "last"), images=1000):
    """Counts of `images` a class: member m is right with a chance of about `skill[m]`."""
    confusion = np.zeros((len(members), len(kinds), 10, 10), np.int32)
    bins = np.zeros((3, len(members), len(kinds), BINS))
    for m in range(len(members)):
        for k in range(len(kinds)):
            for true in range(10):
                wrong = rng.dirichlet(np.full(9, 0.4)) * (1 - skill[m] + 0.05 * rng.normal())
                row = np.insert(np.abs(wrong), true, 0.0)
                row[true] = max(1 - row.sum(), 0.05)
                confusion[m, k, true] = rng.multinomial(images, row / row.sum())
            top = np.clip(rng.beta(6 * skill[m], 1.2, 10 * images), 0.11, 1.0)
            correct = rng.random(top.size) < np.clip(top - 0.12 * (1 - skill[m]) * top, 0, 1)
            where = np.ceil(top * BINS).astype(int) - 1
            for f, weights in enumerate((np.ones(top.size), correct, top)):
                bins[f, m, k] = np.bincount(where, weights, BINS)
    return {
        "kinds": np.array(kinds), "classes": np.array(CLASSES), "confusion": confusion,
        "bin_count": bins[0].astype(np.int32), "bin_correct": bins[1].astype(np.int32),
        "bin_confidence": bins[2],
    }  # fmt: skip


def make_histograms(rng, members, leaves, epochs=20, bins=64, weights=2000):
    """From uniform to peaked and heavy-tailed; kernels of SE have three weights."""
    shape = (len(members), epochs + 1, len(leaves))
    table = {name: np.zeros(shape, np.float32) for name in ("low", "high", "mean", "std")}
    counts = np.zeros((*shape, bins), np.int32)
    for m, e, leaf in np.ndindex(shape):
        size = 3 if "/se/" in leaves[leaf] else 98 if "/sa/" in leaves[leaf] else weights
        part = e / epochs
        drawn = (1 - part) * rng.uniform(-0.1, 0.1, size) + part * 0.03 * rng.standard_t(4, size)
        counts[m, e, leaf], edges = np.histogram(drawn, bins)
        values = (edges[0], edges[-1], drawn.mean(), drawn.std())
        for name, value in zip(table, values, strict=True):
            table[name][m, e, leaf] = value
    return {"epochs": np.arange(epochs + 1.0), "leaves": np.array(leaves), "counts": counts,
            **table}  # fmt: skip


def make_images(rng):
    """Sixteen images: a disc on a slope of two colours."""
    y, x = np.mgrid[0:32, 0:32] / 31
    images = np.zeros((16, 32, 32, 3))
    for image in images:
        low, high, disc = rng.uniform(30, 225, (3, 3))
        slope = (x * rng.uniform() + y * rng.uniform())[..., None] / 2
        inside = (x - rng.uniform(0.3, 0.7)) ** 2 + (y - rng.uniform(0.3, 0.7)) ** 2 < 0.06
        image[:] = np.where(inside[..., None], disc, low + slope * (high - low))
    return np.clip(images + rng.normal(0, 6, images.shape), 0, 255).astype(np.uint8)


def make_probes(rng, members, layers, skill, canet=False, kernel=3):
    """Norms that grow with depth before training; a few dead channels."""
    count, depth = len(members), np.arange(len(layers))
    labels = rng.integers(0, 10, 16).astype(np.int32)
    logits = rng.normal(size=(count, 16, 10))
    for m in range(count):
        logits[m, np.arange(16), labels] += 5 * skill[m]
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    norm = np.array(["bn" in name for name in layers])
    grown = np.where(norm, 1.0, 0.4 * 1.25**depth) * rng.uniform(0.9, 1.1, (count, len(layers)))
    table = {
        "layers": np.array(layers), "initial_rms": grown.astype(np.float32),
        "final_rms": (grown**0.3 * rng.uniform(0.8, 1.2, grown.shape)).astype(np.float32),
        "initial_dead": np.zeros(grown.shape, np.float32),
        "final_dead": np.clip(rng.normal(0.05, 0.06, grown.shape), 0, 1).astype(np.float32),
        "filters": rng.normal(0, 0.2, (count, kernel, kernel, 3, 64)).astype(np.float32),
        "sample_images": make_images(rng), "sample_labels": labels,
        "sample_probabilities": probabilities.astype(np.float32),
    }  # fmt: skip
    return table | (make_attention(rng, count) if canet else {})


def make_step_probes(rng, members, probes=12, sizes=8):
    """Every fifty steps, eight sizes: a loss that grows with them, the more the longer."""
    sizes = 0.05 * 8 ** (np.arange(sizes) / (sizes - 1))
    shape = (len(members), probes, 1)
    norm = rng.uniform(0.5, 2, shape)
    beta = np.linspace(2, 40, len(members))[:, None, None] * rng.uniform(0.8, 1.2, shape)
    losses = 2.3 * np.exp(-0.1 * np.arange(probes))[:, None] + norm**2 * (
        beta * sizes**2 / 2 - sizes
    )
    seen = {
        "loss": losses[..., 0], "gradient_norm": norm[..., 0], "losses": losses,
        "distance": beta * sizes * norm, "cosine": np.cos(np.minimum(beta * sizes / 4, 3)),
    }  # fmt: skip
    return step_probes.with_smoothness(50 * np.arange(probes), sizes, seen)


def make_shift(rng, members, layers, probes=8):
    """Every hundred steps: gradients that move the more the deeper, nothing of the first layer."""
    shape = (len(members), probes, len(layers))
    norm = rng.uniform(0.5, 2, shape)
    turned = np.linspace(0, 2.5, len(layers)) * rng.uniform(0.7, 1.3, shape)
    return {
        "layers": np.array(layers), "step": 100 * np.arange(probes), "gradient_norm": norm,
        "distance": norm * 2 * np.sin(turned / 2), "cosine": np.cos(turned),
    }  # fmt: skip


def make_activations(rng, members, layers, probes=12):
    """Every fifty steps: normal, wider with depth but behind BatchNorm, with a few outliers."""
    shape = (len(members), probes, len(layers))
    width = [1 if "bn" in name else 0.4 * 1.3**k for k, name in enumerate(layers)]
    std = np.broadcast_to(np.array(width) * np.linspace(1, 1.5, probes)[:, None], shape)
    mean = 0.3 * std * rng.normal(size=shape)
    sigmas = np.array([-5, -2.33, -1.64, -0.67, 0, 0.67, 1.64, 2.33, 6])
    return {
        "layers": np.array(layers), "step": 50 * np.arange(probes), "levels": np.array(LEVELS),
        "mean": mean, "std": std, "quantiles": mean[..., None] + std[..., None] * sigmas,
    }  # fmt: skip


def make_attention(rng, count, blocks=6, width=16):
    """What only networks with attention have: maps, and the unit transforms' singular values."""
    maps = rng.uniform(0.3, 0.7, (count, blocks, 16, 8, 8)).repeat(4, -1).repeat(4, -2)
    ranks = [width * 2 ** (block // 2) // 2 for block in range(blocks) for _ in range(2)]
    values = np.full((count, 2 * blocks, max(ranks)), np.nan, np.float32)
    for index, rank in enumerate(ranks):
        values[:, index, :rank] = 2 * np.exp(-4 * np.arange(rank) / rank)
    names = [f"res{block}/unit/conv{number}" for block in range(blocks) for number in (1, 2)]
    return {
        "attention": maps.astype(np.float32),
        "attention_names": np.array([f"res{block}/sa" for block in range(blocks)]),
        "singular_values": values, "singular_names": np.array(names),
    }  # fmt: skip


def canet_leaves():
    """Kernels of two blocks, named as the network names its parameters."""
    inner = ("conv1", "conv2", "conv3", "conv4", "sa/conv", "unit/conv1", "unit/conv2")
    kernels = [f"{name}/kernel" for name in inner] + [f"se/kernel{k}" for k in (3, 5, 7)]
    return [f"res{block}/{name}" for block in (0, 1) for name in kernels] + ["fc2/kernel"]


def plain_layers(blocks=6):
    """Convolutions, each with BatchNorm, and a dense layer."""
    names = [name for n in range(1, blocks + 1) for name in (f"conv{n}", f"bn{n}")]
    return [*names, "fc"]


def write_inside(folder, canet=False, parts=PARTS, epochs=20):
    """Add the files to a run folder of `made_records` and `made_report`; one group for all."""
    rng = np.random.default_rng(1)
    config = json.loads((folder / "config.json").read_text())
    members = [member["id"] for member in config["members"]]
    skill = np.linspace(0.6, 0.9, len(members))
    leaves = canet_leaves() if canet else ["conv1/kernel", "conv2/kernel", "fc/kernel"]
    tables = {
        "test": lambda: make_test(rng, members, skill),
        "histograms": lambda: make_histograms(rng, members, leaves, epochs),
        "probes": lambda: make_probes(rng, members, plain_layers(), skill, canet),
        "step_probes": lambda: make_step_probes(rng, members),
        "covariate_shift": lambda: make_shift(rng, members, plain_layers()),
        "activations": lambda: make_activations(rng, members, plain_layers()),
    }
    group = folder / "groups" / "made-0a"
    group.mkdir(parents=True, exist_ok=True)
    for name in parts:
        units = np.array(json.dumps({"counts": "1"}))
        np.savez(group / f"{name}.npz", members=np.array(members), units=units, **tables[name]())
    return folder


def make_run(folder, canet=True, parts=PARTS, **records):
    """A finished run with the optional files; its networks are CANets of different size."""
    finish(write_run(folder, **records))
    config = json.loads((folder / "config.json").read_text())
    for member in config["members"] if canet else []:
        member["config"]["model"] = {"name": "canet_tiny"}
    (folder / "config.json").write_text(json.dumps(config))
    change_summary(folder, lambda rank, row: row.update(parameters=1000 * (rank + 1)))
    return write_inside(folder, canet, parts, epochs=3)


def change_summary(folder, change):
    summary = json.loads((folder / "summary.json").read_text())
    for rank, row in enumerate(summary["members"].values()):
        change(rank, row)
    (folder / "summary.json").write_text(json.dumps(summary))


def change_table(folder, name, **fields):
    """Overwrite fields of a group's file; None takes one out."""
    path = folder / "groups" / "made-0a" / f"{name}.npz"
    with np.load(path) as file:
        table = {**file, **fields}
    np.savez(path, **{field: values for field, values in table.items() if values is not None})


def read(folder):
    return figures.read_run(folder), figures.read_inside(folder)


def words(figure):
    """All text of a figure."""
    return "\n".join(
        text.get_text().replace("\n", " ") for text in figure.findobj(matplotlib.text.Text)
    )
