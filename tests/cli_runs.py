"""Commands run as a user runs them, each in a process of its own, and comparison of run folders."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import event_files
import numpy as np
from places import ROOT

from jaxcifar.checkpoints import snapshots
from jaxcifar.records import folder, formats


class Run(NamedTuple):
    """A study of four members in one group, 2 epochs of 3 steps, with its sizes reduced."""

    args: tuple[str, ...]
    member: str
    network: str
    arrays: int  # that its export has
    kernel: str  # of its second convolution, as PyTorch names it
    mean: tuple[str, str]  # of its last BatchNorm, as we and as PyTorch name it
    environ: Mapping[str, str] = {}  # variables of its commands


REDUCED = (
    "--config.data.n_train=53", "--config.data.n_test=40", "--config.train.batch_size=16",
    "--config.train.epochs=2", "--config.eval.batch_size=8", "--config.average.name=swa",
    "--config.average.start=0", "--config.probe.every=3 steps", "--config.probe.factors=1,4",
    "--tracker=tensorboard",
)  # fmt: skip
RUNS = {
    # Half the BatchNorm study: VGG-A takes a minute to compile.
    "bn": Run(
        ("--config", "configs/bn.py:quick", "--config.model.norm=batch",
         "--config.model.width=0.0625", *REDUCED),
        "lr=0.001", "vgg_a", 54, "features.4.weight", ("bn8", "features.26.running_mean"),
    ),
    # Schedules that remember, dropout, augmentation, an L1 term and BatchNorm in a small network.
    "schedules": Run(
        ("--config", "configs/r0_schedule.py:quick", "--config.data.name=synthetic",
         "--config.model.filters=4,4,8", *REDUCED),
        "R0-sched-plateau", "cnn", 24, "features.4.weight", ("bn3", "features.9.running_mean"),
        {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},  # compiles in half of the time
    ),
}  # fmt: skip
# What a wall clock decides; every other number must not differ by a bit.
CLOCK = {"seconds", "images_per_second"}


def without(*names):
    """The environment without what the tests' processes set for themselves."""
    return {name: value for name, value in os.environ.items() if name not in names}


def environment(cache):
    """That of a user with a cache folder of their own."""
    return without("JAXCIFAR_CACHE", "XLA_FLAGS") | {"XDG_CACHE_HOME": str(cache)}


def command(module, *args, cache, kill=None, timeout=900, more=MappingProxyType({})):
    """Run ``python -m module args`` from the checkout with a private cache, `more` variables."""
    env = environment(cache) | more
    if kill:
        env["JAXCIFAR_KILL"] = kill
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, args)],
        cwd=ROOT, env=env, capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip


def python(code, **env):
    """Run `code` beside the tests, with JAX as users have it."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, env=without("XLA_FLAGS") | env,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def without_clock(value):
    """JSON content without the wall-clock fields, at any depth."""
    if isinstance(value, dict):
        return {k: without_clock(v) for k, v in value.items() if k not in CLOCK}
    return [without_clock(item) for item in value] if isinstance(value, list) else value


def assert_same_run(left, right):
    """Records, summaries and the last checkpoints of two run folders: the same bits."""
    for name in ("metrics.jsonl",):
        assert without_clock(formats.read_lines(left / name)) == without_clock(
            formats.read_lines(right / name)
        )
    a, b = (formats.read_table(path / "steps.npz") for path in (left, right))
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    assert without_clock(formats.read_json(left / "summary.json")) == without_clock(
        formats.read_json(right / "summary.json")
    )
    groups = [folder.groups(path) for path in (left, right)]
    assert [g.members for g in groups[0]] == [g.members for g in groups[1]]
    for one, two in zip(*groups, strict=True):
        assert_same_weights(one.path, two.path)
        tables = [formats.read_table(each.path / "step_probes.npz", True) for each in (one, two)]
        assert tables[0]["step"].tolist() == [0, 3]
        for name, values in tables[0].items():
            np.testing.assert_array_equal(values, tables[1][name], err_msg=name)


def assert_same_weights(left, right):
    found = [snapshots.find(path / "checkpoints") for path in (left, right)]
    trees = [flat(snapshots.read_weights(item.folder)) for item in found]
    assert found[0].cursor == found[1].cursor and trees[0].keys() == trees[1].keys()
    kept = [snapshots.read_weights(path / "checkpoints" / "swa") for path in (left, right)]
    for one, two in (trees, map(flat, kept)):
        for name, leaf in one.items():
            np.testing.assert_array_equal(leaf, two[name], err_msg=name)


def flat(tree, prefix=""):
    """A nested dictionary as one of dotted names."""
    if not isinstance(tree, dict):
        return {prefix: tree}
    return {k: v for name, part in tree.items() for k, v in flat(part, f"{prefix}.{name}").items()}


def assert_epochs_have_their_own_order(steps, steps_per_epoch):
    """No minibatch of one epoch comes again in another, by the recorded fingerprints."""
    for row in steps["examples"]:
        assert len(set(row.tolist())) == len(row), "an epoch repeats another's order"
        assert len(row) > steps_per_epoch


def assert_points_are_the_records(workdir):
    """TensorBoard's event files hold every number of metrics.jsonl, once."""
    rows = formats.read_lines(workdir / "metrics.jsonl")
    for member in {row["member"] for row in rows}:
        found = event_files.scalars(workdir / "tensorboard" / member)
        found = [point for point in found if not point[0].startswith("test_")]
        assert sorted(found) == event_files.expected(rows, member)


def lines(text):
    return [line for line in text.splitlines() if line.strip()]


def summary(workdir):
    return json.loads((workdir / "summary.json").read_text())
