"""What a landscape is of: the loss that scoring measures, or the one that training sees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxcifar
from jaxcifar import augment, data
from jaxcifar.checkpoints import snapshots
from jaxcifar.core.errors import UserError
from jaxcifar.landscape import objective


def mean_loss(found):
    """As landscapes and curvature take it: batch by batch, in float64."""
    losses = [
        float(jax.jit(found.loss)(found.params, jax.tree.map(lambda leaf, k=k: leaf[k],
                                                             found.batches)))
        for k in range(len(found.counts))
    ]  # fmt: skip
    return np.sum(np.array(losses) * found.counts) / found.examples


def cross_entropy(logits, labels):
    logits = np.asarray(logits, np.float64)
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels]


@pytest.fixture(scope="module")
def images(trained):
    return data.load("synthetic", None, n_train=40, n_test=20)


@pytest.mark.parametrize("subset", [20, 17, 3])
def test_in_eval_mode_every_image_counts_once(trained, images, subset):
    found = objective.of_member(trained.workdir, "b", split="test", subset=subset)
    network = jaxcifar.load(trained.workdir, "b")
    model, variables = network
    program = network.program
    pixels = augment.normalise(images.test_images[:subset], program.mean, program.std)
    logits = model.apply(variables, pixels, train=False)
    wanted = cross_entropy(logits, images.test_labels[:subset]).mean()
    assert found.examples == subset and mean_loss(found) == pytest.approx(wanted, rel=1e-5)


def test_in_train_mode_whole_batches_are_seen_without_dropout_l1_or_augmentation(trained):
    """By Flax's own apply, batch by batch, with the rate of dropout at 0."""
    found = objective.of_member(trained.workdir, "b", mode="train", batch=9)
    assert found.examples == 27, "5 of the 32 training images are left over"
    network = jaxcifar.load(trained.workdir, "b")
    model, variables = network
    program = network.program
    losses = []
    for batch in range(3):
        pixels = augment.normalise(np.asarray(found.batches.images[batch]),
                                   program.mean, program.std)  # fmt: skip
        logits, _ = model.apply(
            {**variables, "hyper": {"dropout_rate": jnp.float32(0)}}, pixels, train=True,
            rngs={"dropout": jax.random.key(5)}, mutable=["batch_stats"],
        )  # fmt: skip
        losses.append(cross_entropy(logits, np.asarray(found.batches.labels[batch])).mean())
    assert mean_loss(found) == pytest.approx(np.mean(losses), rel=1e-5)
    evaluated = objective.of_member(trained.workdir, "b", subset=27, batch=9)
    assert abs(mean_loss(evaluated) - mean_loss(found)) > 1e-3


def test_the_splits_are_apart(trained, images):
    counts = {
        split: objective.of_member(trained.workdir, "a", split=split, subset="all").examples
        for split in objective.SPLITS
    }
    assert counts == {"train": 32, "test": 20, "validation": 8}
    first = objective.of_member(trained.workdir, "a", split="test", subset=3, batch=2).batches
    shown = np.asarray(first.images).reshape(-1, 32, 32, 3)[:3]
    np.testing.assert_array_equal(shown, images.test_images[:3])


def test_moving_statistics_are_weights_like_others(trained):
    fixed, moving = (
        objective.of_member(trained.workdir, "a", split="test", with_statistics=each)
        for each in (False, True)
    )
    assert mean_loss(fixed) == mean_loss(moving)
    shifted = jax.tree.map(lambda leaf: leaf + 1, moving.params["batch_stats"])
    other = moving._replace(params=moving.params | {"batch_stats": shifted})
    assert mean_loss(other) != mean_loss(moving)


REFUSED = {
    "a member": ({"member": "c"}, "unknown member 'c'"),
    "a step": ({"which": "step:5"}, "no checkpoint of step 5"),
    "a kind of weights": ({"which": "bset"}, "did you mean 'best'"),
    "a split": ({"split": "tets"}, "unknown split 'tets'; did you mean 'test'"),
    "a mode": ({"mode": "evla"}, "unknown mode 'evla'; did you mean 'eval'"),
    "more than there are": ({"subset": 33}, "a subset of 33 of 32 images"),
    "more of the test images": ({"subset": 21, "split": "test"}, "a subset of 21 of 20 images"),
    "none": ({"subset": 0}, "a subset of 0 of 32"),
    "less than none": ({"subset": -1}, "a subset of -1"),
    "half an image": ({"subset": 2.5}, "a subset of 2.5"),
    "a truth": ({"subset": True}, "a subset of True"),
    "every": ({"subset": "evry"}, "a subset of 'evry'"),
    "no batch": ({"batch": 0}, "a batch of 0"),
    "half a batch": ({"batch": 1.5}, "a batch of 1.5"),
    "a batch of more": ({"batch": 33, "mode": "train"}, "a batch of 33 of 32 images"),
}


@pytest.mark.parametrize(("given", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_measured_is_refused(trained, given, said):
    given = {"member": "a", **given}
    with pytest.raises(UserError, match=said):
        objective.of_member(trained.workdir, given.pop("member"), **given)


OWN = {
    "no weights": ({"params": {}}, "are no floats"),
    "integers": ({"params": {"w": np.arange(3)}}, "are no floats"),
    "NaN": ({"params": {"w": np.array([1, np.nan], np.float32)}}, "not all finite"),
    "infinity": ({"params": {"w": np.array([1, np.inf], np.float32)}}, "not all finite"),
    "no batches": ({"batches": np.zeros((0, 3))}, "batches have leading axes"),
    "no axis": ({"batches": np.float32(3)}, "batches have leading axes"),
    "unequal batches": ({"batches": (np.zeros((2, 3)), np.zeros(3))}, "batches have leading axes"),
    "other counts": ({"counts": [1, 2, 3]}, "counts are"),
    "a count of nothing": ({"counts": [1, 0]}, "counts are"),
    "a loss an example": ({"loss": lambda w, x: x}, r"gives of shape \(3,\) for a batch"),
    "a pair": ({"loss": lambda w, x: (x.sum(), x)}, "gives a tuple for a batch"),
}


@pytest.mark.parametrize(("given", "said"), OWN.values(), ids=OWN)
def test_a_loss_of_ones_own_needs_finite_weights_and_batches(given, said):
    made = {"params": {"w": np.ones(3, np.float32)}, "batches": np.zeros((2, 3)),
            "loss": lambda w, x: x.sum(), **given}  # fmt: skip
    with pytest.raises(UserError, match=said):
        objective.of_loss(**made)


@pytest.mark.parametrize("part", ["params", "batch_stats"])
def test_a_member_whose_weights_are_not_finite_is_named(trained, monkeypatch, part):
    whole = snapshots.read_weights

    def broken(*args):
        found = whole(*args)
        leaf = jax.tree.leaves(found["best"][part])[0]
        leaf[...] = np.nan
        return found

    monkeypatch.setattr(snapshots, "read_weights", broken)
    with pytest.raises(UserError, match="weights of member 'a' in .* are not all finite"):
        objective.of_member(trained.workdir, "a")
