"""Augmentations in the compiled step: epochs, groups, mixed losses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxcifar import augment, programs
from jaxcifar.config import replace
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.core.types import Images
from jaxcifar.planning import plan
from jaxcifar.training import engine

MASKS = {"data.augment": ("block_mask",), "data.mask_rate": (0.5, 0.7, 0.9)}


@pytest.mark.parametrize("images, batch, masks, expected", [
    (50_000, 128, False, 391), (45_000, 256, False, 176), (50_000, 16, False, 3125),
    (50_000, 128, True, 1172), (50_000, 32, False, 1563), (50_000, 100, False, 500),
])  # fmt: skip
def test_steps_of_the_reports_epochs(images, batch, masks, expected):
    overrides = {"train.batch_size": batch} | (MASKS if masks else {})
    phase = tiny.make_plan(overrides, n_train=images).phases[0]
    assert phase.steps_per_epoch == expected
    assert phase.visits == (150_000 if masks else images)


def test_an_epoch_of_masks_visits_every_image_once_in_each_kind():
    phase = tiny.make_plan(MASKS).phases[0]
    order = np.asarray(programs.stream_of(phase, 0).order)
    assert sorted(order) == list(range(3 * tiny.N_TRAIN))
    assert len(set(order[: tiny.N_TRAIN] // tiny.N_TRAIN)) == 3, "kinds come mixed"


def test_members_differ_in_numbers_within_one_group():
    names = {"data.augment": ("erase", "randaugment")}
    rows = tiny.members(
        names, names | {"data.erase_probability": 0.1}, names | {"data.randaugment_m": 3},
        names | {"data.randaugment_n": 1}, {"data.augment": ("erase",)},
    )  # fmt: skip
    assert [len(group) for group in plan.group(rows)] == [3, 1, 1]
    assert (
        not tiny.make_plan(names, names | {"data.erase_probability": 0.1})
        .phases[0]
        .program.shared_batch
    ), "what one member erases is not what the other does"
    assert tiny.make_plan(names, names | {"optim.lr": 0.1}).phases[0].program.shared_batch


@pytest.fixture(scope="module")
def first_step():
    """Two members, one erasing nothing and one every image, masked in two kinds and mixed."""
    base = replace(tiny.BASE, {
        "data.augment": ("hflip", "erase", "block_mask", "mix"), "data.mask_size": (8, 2),
        "data.mask_rate": (0.3,), "data.mix_probs": (0.5, 0.5), "loss.smoothing": 0.1,
    })  # fmt: skip
    made = tiny.make_plan({"data.erase_probability": 0.0}, {"data.erase_probability": 1.0},
                          base=base, segment=1, lane="map")  # fmt: skip
    phase, data = made.phases[0], tiny.images_of(made)
    state, stream = engine.start(made).state, programs.stream_of(phase, 0)
    before = jax.tree.map(np.array, state)
    _, records = programs.make_segment(phase.program)(
        state, programs.place(phase.numbers, phase.program),
        programs.place(np.zeros((2, 1), np.float32), phase.program), stream, data.train,
        programs.replicate(programs.span(0, 1, 0), phase.program),
    )  # fmt: skip
    return phase, before, jax.tree.map(np.asarray, (stream, data.train, records))


@pytest.mark.slow
@pytest.mark.parametrize("member", [0, 1])
def test_the_step_mixes_images_losses_and_answers(first_step, member):
    """By hand from the same key: visits to images and kinds, both losses, both counts."""
    phase, before, (stream, train, records) = first_step
    parts = programs.bind(phase.program)
    state, numbers = (
        jax.tree.map(lambda leaf: jnp.asarray(leaf[member]), tree)
        for tree in (before, phase.numbers)
    )
    visits = stream.order[member, :16]
    copy, rows = visits // tiny.N_TRAIN, visits % tiny.N_TRAIN
    assert set(copy) == {0, 1}
    batch = Images(jnp.asarray(train.images[rows]), jnp.asarray(train.labels[rows]))

    @jax.jit
    def logits_of(state, copy):
        key = key_at(numbers.augment_seed, Purpose.AUGMENT, 0)
        work, traced = parts.augment, numbers.augment
        images = augment.transform(key, batch.images, work, traced, parts.normalise, copy)
        images, pairing = augment.augment(key, images, work, traced, augment.Stage.BATCH)
        dropout = {"dropout": key_at(numbers.augment_seed, Purpose.DROPOUT, 0)}
        variables = {"params": state.params, "batch_stats": state.batch_stats}
        logits, _ = parts.model.apply(
            variables | {"hyper": numbers.model}, images, train=True, rngs=dropout,
            mutable=["batch_stats"],
        )  # fmt: skip
        return logits, pairing

    logits, pairing = jax.tree.map(np.asarray, logits_of(state, jnp.asarray(copy)))
    logp = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    loss, correct = 0.0, 0.0
    own = np.asarray(batch.labels)
    for share, labels in ((pairing.lam, own), (1 - pairing.lam, own[pairing.order])):
        smooth = 0.9 * -logp[np.arange(16), labels] + 0.1 * -logp.mean(1)
        loss += share * smooth.mean()
        correct += share * (logits.argmax(1) == labels).sum()
    assert 0.01 < pairing.lam < 0.99 and records["correct"].dtype == np.float32
    np.testing.assert_allclose(records["loss"][member, 0], loss, rtol=1e-5)
    np.testing.assert_allclose(records["correct"][member, 0], correct, rtol=1e-5)


def test_only_mixed_answers_are_fractions():
    for names, dtype in ((("erase",), "int32"), (("mix",), "float32")):
        program = tiny.make_plan({"data.augment": names}).phases[0].program
        assert programs.record_dtypes(programs.bind(program))["correct"] == dtype
