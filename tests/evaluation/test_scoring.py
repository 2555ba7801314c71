"""Scoring: which images choose the best evaluation, and as what they are seen."""

import jax
import numpy as np
import pytest
import tiny

from jaxcifar import augment, models, programs
from jaxcifar.config import Config, Member, Study, replace
from jaxcifar.core.errors import UserError
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.evaluation import group_images, scoring, summary
from jaxcifar.planning import prepare
from jaxcifar.training import engine


@pytest.fixture(scope="module")
def trained():
    """A fresh population of two seeds, its images to score, and how to score them."""
    made = tiny.make_plan({"seed": 1}, {"seed": 2})
    program = made.phases[0].program
    weights = programs.weights(program, engine.start(made).state)
    numbers = programs.place(made.phases[0].numbers, program)
    images = tiny.images_of(made).scored["val"]

    def score(**options):
        return scoring.score(program, weights, numbers, images, 6, **options)

    return made, weights, images, score


@pytest.mark.slow
def test_augmented_images_are_those_that_training_would_see(trained):
    """Batch b of 6 at step 7, by the table of augmentations and plain arithmetic."""
    made, weights, images, score = trained
    program = made.phases[0].program
    loss, accuracy = score(augmented_at=7)
    model = models.make_model(program.model, **dict(program.options))
    for m, seed in enumerate((1, 2)):
        variables = jax.tree.map(lambda leaf, m=m: leaf[m], weights)
        seen = []
        for b in range(2):
            key = jax.random.fold_in(key_at(seed, Purpose.SCORE, 7), b)
            seen.append(augment.augment(key, images.images[6 * b : 6 * b + 6], program.augment))
        pixels = augment.normalise(np.concatenate(seen), program.mean, program.std)
        logits = np.asarray(model.apply(variables, pixels, train=False), np.float64)
        log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        labels = np.asarray(images.labels)
        assert loss[m] == pytest.approx(-log_p[np.arange(12), labels].mean(), rel=1e-5)
        assert accuracy[m] == (log_p.argmax(1) == labels).mean()


def test_draws_follow_from_the_step_alone(trained):
    *_, score = trained
    first, again, later, clean = (score(augmented_at=at)[0] for at in (7, 7, 8, None))
    np.testing.assert_array_equal(first, again)
    assert (first != later).all() and (first != clean).all()


SPLITS = {
    "validation": (8, False), "validation_augmented": (8, True), "train": (32, False),
    "train_augmented": (32, True), "test": (20, False),
}  # fmt: skip


@pytest.mark.parametrize("select_on", SPLITS)
def test_what_selects_is_what_was_asked_for(select_on, tmp_path):
    base = replace(tiny.BASE, {"data.n_train": 40, "data.n_test": 20, "select_on": select_on})
    (prepared,) = prepare.prepare(Study("s", base, (Member("a", {}),)), tmp_path / "new").groups
    data = group_images.on_devices(prepared)
    size, augmented = SPLITS[select_on]
    assert data.scored["val"].labels.shape == (size,) and data.train.labels.shape == (32,)
    assert ("val" in data.augmented) == augmented


@pytest.mark.parametrize("overrides, words", [
    ({"select_on": "validation_augmented"}, "data.augment is empty"),
    ({"select_on": "validation_augmented", "data.augment": ("crop",), "data.validation": 0.0},
     "needs a validation part"),
    ({"select": "swa"}, "select='swa', but average.name='none'"),
    ({"select": "swa", "average.name": "ema"}, "give --config.average.name=swa"),
])  # fmt: skip
def test_selections_without_effect_are_refused(overrides, words):
    with pytest.raises(UserError, match=words):
        replace(Config(), overrides)


def test_a_later_stage_may_bring_the_augmentation():
    stage = {"stages.0.at": 0.5, "stages.0.data.augment": ("crop",)}
    assert replace(Config(), stage | {"select_on": "train_augmented"}).augmented


def test_evaluations_and_the_test_set_share_a_program_and_its_bits(trained):
    """What counts answers is what scores: nothing is compiled a second time, nothing drifts."""
    made, weights, images, score = trained
    program = made.phases[0].program
    numbers = programs.place(made.phases[0].numbers, program)
    compiled = scoring.make_score(program, 6, False)
    before = score(), compiled._cache_size()
    assert before[1] == 1
    found = scoring.examine(program, weights, numbers, images, 6)
    np.testing.assert_array_equal(before[0], found[:2])
    assert compiled._cache_size() == before[1]


def test_equal_weights_are_scored_once_and_others_apart(trained, monkeypatch):
    made, weights, images, _ = trained
    one_off = {**weights, "params": jax.tree.map(lambda leaf: leaf + 1, weights["params"])}
    asked: list[str] = []

    def examine(program, tree, *_):
        asked.append("off" if tree is one_off else "as they are")
        return asked[-1]

    monkeypatch.setattr(scoring, "examine", examine)
    again = jax.tree.map(lambda leaf: leaf + 0, weights)
    found = summary.examine(made, {"last": weights, "best": again, "swa": one_off}, images)
    assert asked == ["as they are", "off"]
    assert found == {"last": "as they are", "best": "as they are", "swa": "off"}
