"""One member's training step, with a linear network whose gradients are known by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxcifar import augment, landscape, optim, programs
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.core.types import Images, TrainState
from jaxcifar.programs.train_step import train_step

PIXELS = 6  # the linear network looks at the first six values of an image


class Linear:
    """Logits ``x @ kernel + bias``; no statistics."""

    def apply(self, variables, images, train, rngs=None, mutable=None):
        params = variables["params"]
        logits = (
            images.reshape(len(images), -1)[:, :PIXELS] @ params["kernel"] + params["bias"][None]
        )
        return (logits, {}) if train else logits


def parts_of(optimizer, **changes):
    program = tiny.make_plan(dtype="float64").phases[0].program
    return programs.bind(program)._replace(
        model=Linear(), augment=(), optimizer=optimizer, record=(), **changes
    )


def numbers_of(optimizer, l1=0.0, clip=np.inf, **given):
    """One member's numbers: the tables' defaults but for what is given."""
    program = tiny.make_plan().phases[0].program._replace(optimizer=optimizer, members=1)
    numbers = jax.tree.map(lambda leaf: leaf[0], landscape.default_numbers(program))
    double = {name: np.float64(value) for name, value in (numbers.optim | given).items()}
    return numbers._replace(optim=double, l1=np.float64(l1), clip=np.float64(clip))


def batch():
    return Images(*(leaf[:16] for leaf in tiny.images(16)))


def first_state(parts, numbers):
    rng = np.random.default_rng(0)
    params = {"kernel": rng.normal(size=(PIXELS, 10)), "bias": np.zeros(10)}
    params = jax.tree.map(jnp.asarray, params)
    opt_state = programs.init_opt_state(params, numbers, parts=parts)
    return TrainState(params, {}, opt_state, (), jnp.array(True), jnp.int32(-1))


def gradient(parts, params):
    """Of the mean cross entropy, and its value: softmax minus one-hot, by hand."""
    images, labels = batch()
    with jax.enable_x64(True):
        x = np.asarray(parts.normalise(images)).reshape(16, -1)[:, :PIXELS]
    z = x @ np.asarray(params["kernel"]) + np.asarray(params["bias"])
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    loss = -np.log(p[np.arange(16), labels]).mean()
    p[np.arange(16), labels] -= 1
    return loss, {"kernel": x.T @ p / 16, "bias": p.mean(0)}


def one_step(parts, numbers, state, lr=0.1, at=0):
    step = jax.jit(lambda s, n, r: train_step(
        s, n, r, batch(), jnp.int32(at), jnp.int32(0), parts=parts))  # fmt: skip
    return step(state, numbers, np.float64(lr))


@pytest.mark.parametrize("clip", [np.inf, 0.5])
def test_the_l1_term_is_in_the_logged_loss_and_under_the_clipping(clip):
    with jax.enable_x64(True):
        parts, numbers = parts_of("sgd"), numbers_of("sgd", l1=0.3, clip=clip)
        state = first_state(parts, numbers)
        after, record = one_step(parts, numbers, state)
    loss, grads = gradient(parts, state.params)
    before = {name: np.asarray(leaf) for name, leaf in state.params.items()}
    total = {name: g + 0.3 * np.sign(before[name]) for name, g in grads.items()}
    norm = np.sqrt(sum((g**2).sum() for g in total.values()))
    assert norm > 0.5, "the clipping must bite"
    factor = min(1, clip / (norm + 1e-6))
    np.testing.assert_allclose(
        record["loss"], loss + 0.3 * sum(np.abs(w).sum() for w in before.values()), rtol=1e-12
    )
    for name, w in before.items():
        np.testing.assert_allclose(
            after.params[name], w - 0.1 * factor * total[name], rtol=0, atol=1e-12
        )


def test_scores_have_no_l1_term():
    with jax.enable_x64(True):
        parts, numbers = parts_of("sgd"), numbers_of("sgd", l1=0.3)
        state = first_state(parts, numbers)
        score, *_ = programs.score_batch(
            state.params, {}, numbers, batch(), jnp.ones(16, bool), parts=parts
        )
    np.testing.assert_allclose(np.asarray(score) / 16, gradient(parts, state.params)[0], rtol=1e-12)


def test_a_carried_gradient_is_part_of_the_state():
    """Two steps on one batch: G2 = clip(clip(g1) + g2)."""
    with jax.enable_x64(True):
        parts = parts_of("sgd", accumulation="carry")
        numbers = numbers_of("sgd", clip=0.5)
        first = first_state(parts, numbers)
        second, _ = one_step(parts, numbers, first)
        third, _ = one_step(parts, numbers, second)

    def clip(g):
        norm = np.sqrt(sum((leaf**2).sum() for leaf in g.values()))
        return {name: leaf * min(1, 0.5 / (norm + 1e-6)) for name, leaf in g.items()}

    fed = clip(gradient(parts, first.params)[1])
    fed = clip({name: fed[name] + g for name, g in gradient(parts, second.params)[1].items()})
    for name, g in fed.items():
        moved = np.asarray(second.params[name]) - np.asarray(third.params[name])
        np.testing.assert_allclose(moved, 0.1 * g, rtol=0, atol=1e-12)
        np.testing.assert_allclose(third.opt_state.gradient[name], g, rtol=0, atol=1e-12)


def test_sam_steps_on_the_gradient_of_the_same_batch_further_up():
    with jax.enable_x64(True):
        parts, numbers = parts_of("sam"), numbers_of("sam", momentum=0.0, rho=0.7)
        state = first_state(parts, numbers)
        after, record = one_step(parts, numbers, state)
    loss, grads = gradient(parts, state.params)
    norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
    up = {name: np.asarray(w) + 0.7 * grads[name] / norm for name, w in state.params.items()}
    np.testing.assert_allclose(record["loss"], loss, rtol=1e-12)
    for name, g in gradient(parts, up)[1].items():
        moved = np.asarray(state.params[name]) - np.asarray(after.params[name])
        np.testing.assert_allclose(moved, 0.1 * g, rtol=0, atol=1e-12)
        assert np.abs(g - grads[name]).max() > 1e-3


@pytest.mark.reliability("T8")
def test_a_member_whose_second_gradient_is_not_finite_is_frozen():
    with jax.enable_x64(True):
        parts, numbers = parts_of("sam"), numbers_of("sam", rho=1e308)
        state = first_state(parts, numbers)
        after, record = one_step(parts, numbers, state)
    assert np.isfinite(record["loss"]) and not after.alive and after.bad_step == 0
    jax.tree.map(np.testing.assert_array_equal, after.params, state.params)


NOT_FINITE = {  # where it comes up first -> what is changed of parts and of the first parameters
    "the gradient": ({"loss": lambda logits, *_, **__: jnp.sqrt(0 * logits.sum(-1))}, {}),
    "the loss": ({"loss": lambda logits, *_, **__: logits[:, 0] / 0}, {}),
    "the weights": ({}, {"bias": np.full(10, np.inf)}),
}


@pytest.mark.reliability("T8")
@pytest.mark.parametrize("where", NOT_FINITE)
def test_whatever_is_not_finite_freezes_the_member_at_its_first_step(where):
    changed, params = NOT_FINITE[where]
    with jax.enable_x64(True):
        parts, numbers = parts_of("sgd", **changed), numbers_of("sgd")
        state = first_state(parts, numbers)
        state = state._replace(params=state.params | params)
        first, record = one_step(parts, numbers, state, at=3)
        assert np.isfinite(record["loss"]) == (where == "the gradient")
        later, record = one_step(parts, numbers, first, at=4)
    for after in (first, later):
        assert (bool(after.alive), int(after.bad_step)) == (False, 3)
        jax.tree.map(np.testing.assert_array_equal, after.params, state.params)
    assert np.isnan(record["loss"])


def test_only_images_that_the_mask_lets_through_count():
    with jax.enable_x64(True):
        parts, numbers = parts_of("sgd"), numbers_of("sgd")
        state = first_state(parts, numbers)
        logits = Linear().apply({"params": state.params}, parts.normalise(batch().images), False)
        right = np.asarray(logits).argmax(1)
        for wrong in (0, 1):  # all answers are right, or none is
            images = batch()._replace(labels=(right + wrong) % 10)
            for mask in (np.arange(16) < 11, np.arange(16) % 3 == 0, np.zeros(16, bool)):
                sums = programs.score_batch(
                    state.params, {}, numbers, images, jnp.asarray(mask), parts=parts
                )
                assert sums.correct == (1 - wrong) * mask.sum()
                log_p = jax.nn.log_softmax(logits)[np.arange(16), images.labels]
                np.testing.assert_allclose(sums.loss, -log_p[mask].sum(), rtol=1e-12)


class Noted(Linear):
    """Notes the images and the dropout key that it is given."""

    def apply(self, variables, images, train, rngs=None, mutable=None):
        self.seen = images, jax.random.key_data(rngs["dropout"])
        return super().apply(variables, images, train, rngs, mutable)


@pytest.mark.parametrize("seed, step", [(0, 0), (3, 5)])
def test_draws_of_a_step_follow_from_seed_purpose_and_step(seed, step):
    """Images by the key of augmentation, dropout by its own."""
    flips = tiny.make_plan().phases[0].program.augment
    parts = parts_of("sgd")._replace(augment=flips, model=Noted())
    numbers = numbers_of("sgd")._replace(augment={})
    with jax.enable_x64(True):
        loss_of, _ = programs.loss_of_step(
            {}, numbers, batch(), jnp.int32(step), jnp.int32(seed), None, parts
        )
        loss_of(first_state(parts, numbers).params)
        augmenting, dropping = (
            key_at(seed, what, step) for what in (Purpose.AUGMENT, Purpose.DROPOUT)
        )
        expected, _ = augment.transform_batch(
            augmenting, batch().images, flips, {}, parts.normalise, None
        )
    images, key = parts.model.seen
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(key, jax.random.key_data(dropping))


def test_schedule_free_weighs_its_average_by_the_rate():
    """Three steps by the paper's recursion: z moves, x averages with weight rate squared."""
    rates, beta = (0.1, 0.3, 0.2), 0.9
    with jax.enable_x64(True):
        parts, numbers = parts_of("schedule_free_sgd"), numbers_of("schedule_free_sgd", b1=beta)
        state = first_state(parts, numbers)
        y = z = x = {name: np.asarray(w) for name, w in state.params.items()}
        for step, lr in enumerate(rates):
            grads = gradient(parts, state.params)[1]
            state, _ = one_step(parts, numbers, state, lr)
            largest = np.maximum.accumulate(rates)[: step + 1] ** 2
            share = largest[-1] / largest.sum()
            z = {name: z[name] - lr * g for name, g in grads.items()}
            x = {name: (1 - share) * x[name] + share * z[name] for name in z}
            y = {name: (1 - beta) * z[name] + beta * x[name] for name in z}
            evaluated = optim.eval_params("schedule_free_sgd", state.opt_state, state.params)
            for name in y:
                np.testing.assert_allclose(state.params[name], y[name], rtol=0, atol=1e-12)
                np.testing.assert_allclose(evaluated[name], x[name], rtol=0, atol=1e-12)
