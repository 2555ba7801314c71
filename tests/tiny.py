"""A population small enough to compile and train in seconds: the CNN with four filters a layer."""

import jax
import numpy as np

from jaxcifar import programs
from jaxcifar.config import Config, Member, Study, population, replace
from jaxcifar.core import hardware
from jaxcifar.core.types import Images
from jaxcifar.evaluation import group_images
from jaxcifar.planning import plan
from jaxcifar.training import engine

BASE = replace(
    Config(),
    {
        "data.name": "synthetic", "data.validation": 0.2, "data.augment": ("hflip", "crop"),
        "model.name": "cnn", "model.filters": (4, 4, 4), "optim.name": "sgd",
        "optim.momentum": 0.9, "optim.lr": 0.01, "train.epochs": 2, "train.batch_size": 16,
        "eval.batch_size": 8, "eval.every": "1 epoch",
    },
)  # fmt: skip
N_TRAIN, N_VAL = 40, 12  # 2 full batches and a short one of 8


def members(*overrides, base=BASE, seeds=1):
    rows = tuple(Member(f"m{i}", row) for i, row in enumerate(overrides or ({},)))
    return population.expand(Study("tiny", base, rows, seeds), lambda config: "data")


def make_plan(*overrides, base=BASE, n_train=N_TRAIN, devices=1, seeds=1, **changes):
    """A plan of one group; `changes` are fields of its Program."""
    machine = hardware.Hardware("cpu", "cpu", devices, 2)
    made = plan.make_plan(members(*overrides, base=base, seeds=seeds), n_train, machine)
    phases = tuple(p._replace(program=p.program._replace(**changes)) for p in made.phases)
    return made._replace(phases=phases)


def images(n, seed=0):
    """Uniform noise with a bright patch whose place tells the label: learnable, never saved."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 10
    pixels = rng.integers(0, 128, (n, 32, 32, 3))
    for row, label in enumerate(labels):
        pixels[row, 3 * label : 3 * label + 5] += 100
    return pixels.astype(np.uint8), labels.astype(np.int32)


def images_of(made, n_train=N_TRAIN, n_val=N_VAL):
    program = made.phases[0].program
    train, val = (programs.replicate(Images(*images(n, s)), program)
                  for n, s in ((n_train, 0), (n_val, 1)))  # fmt: skip
    return group_images.GroupImages(train, {"val": val})


def hooks(saved=None, stop=lambda: False):
    """Hooks that append a host copy of every saved snapshot to `saved`."""

    def save(snapshot):
        if saved is not None:
            saved.append(host(snapshot))

    return engine.Hooks(save, lambda snapshot: None, lambda *_: None, stop)


def host(snapshot):
    """A copy that neither donation nor the growing Book can touch."""
    copied = jax.tree.map(lambda leaf: np.array(leaf), snapshot)
    return copied._replace(cursor=snapshot.cursor)


def run(made, data=None, snapshot=None, **kwargs):
    """Train to the end; a host copy of the last snapshot."""
    snapshot = engine.start(made) if snapshot is None else placed(made, snapshot)
    return host(engine.run_group(made, data or images_of(made), snapshot, hooks(**kwargs)))


def placed(made, snapshot):
    """A host copy back on the devices, as a restored checkpoint is."""
    snapshot = host(snapshot)
    program = made.phases[snapshot.cursor.phase].program
    return snapshot._replace(
        state=programs.place(snapshot.state, program),
        best=programs.place(snapshot.best, program),
    )


def assert_same_bits(left, right, seconds=False):
    """Leaf for leaf, 0 ULP; wall-clock fields aside."""

    def check(path, a, b):
        name = jax.tree_util.keystr(path)
        if seconds or "seconds" not in name:
            np.testing.assert_array_equal(a, b, err_msg=name)

    jax.tree_util.tree_map_with_path(check, left, right)


def leaves(tree):
    """The arrays of a tree."""
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
