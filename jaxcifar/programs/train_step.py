"""One member's training step and score: pure functions that know no config, file or population."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxcifar import augment, losses, optim
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.core.types import Images, Numbers, TrainState, Tree
from jaxcifar.models.spread import over_parts
from jaxcifar.optim import averaging
from jaxcifar.programs.parts import Parts, _optimizer


def loss_fn(
    params: Tree, batch_stats: Tree, images: jax.Array, labels: jax.Array,
    pairing: augment.Pairing | None, key: jax.Array, numbers: Numbers, parts: Parts,
) -> tuple[jax.Array, tuple[jax.Array, Tree]]:  # fmt: skip
    """One member's training loss in nats, with its L1 term; then logits and new BN statistics.

    Args: as `train_step`, but for `images` (B, 32, 32, 3), augmented and normalised, and `pairing`,
        with whom each is mixed (None = not at all); `key` is dropout's. Of a batch in parts, the
        images are the device's, and so are the loss and the logits.
    """
    variables = {"params": params, "batch_stats": batch_stats, "hyper": numbers.model}
    with over_parts(parts.part, parts.synchronised):
        logits, updates = parts.model.apply(
            variables, images, train=True, rngs={"dropout": key}, mutable=["batch_stats"]
        )

    def of_labels(labels: jax.Array) -> jax.Array:
        return parts.loss(logits, parts.part.of(labels), **numbers.loss)

    loss = augment.over_labels(of_labels, labels, pairing).mean()
    loss = loss + numbers.l1 * losses.l1_norm(params)
    return loss, (logits, updates.get("batch_stats", {}))


def images_of_step(
    numbers: Numbers, batch: Images, step: jax.Array, augment_seed: jax.Array,
    copy: jax.Array | None, parts: Parts,
) -> tuple[jax.Array, augment.Pairing | None]:  # fmt: skip
    """A batch's images as a step sees them, augmented and normalised, and with whom each is mixed.

    Args: as `train_step`; equal ones give equal draws.
    """
    key = key_at(augment_seed, Purpose.AUGMENT, step)
    return augment.transform_batch(
        key, batch.images, parts.augment, numbers.augment, parts.normalise, copy
    )


def loss_of_step(
    batch_stats: Tree, numbers: Numbers, batch: Images, step: jax.Array, augment_seed: jax.Array,
    copy: jax.Array | None, parts: Parts,
) -> tuple[Callable[[Tree], Any], augment.Pairing | None]:  # fmt: skip
    """(params) -> `loss_fn` of a batch as a step sees it, and with whom its images are mixed.

    Args: as `train_step`; equal ones give equal draws, which are made for the whole batch.
    """
    images, pairing = images_of_step(numbers, batch, step, augment_seed, copy, parts)
    loss_of = partial(
        loss_fn, batch_stats=batch_stats, images=parts.part.of(images), labels=batch.labels,
        pairing=pairing, key=key_at(augment_seed, Purpose.DROPOUT, step), numbers=numbers,
        parts=parts,
    )  # fmt: skip
    return loss_of, pairing


def train_step(
    state: TrainState, numbers: Numbers, lr: jax.Array, batch: Images, step: jax.Array,
    augment_seed: jax.Array, copy: jax.Array | None = None, *, parts: Parts,
) -> tuple[TrainState, dict[str, jax.Array]]:  # fmt: skip
    """One update of one member.

    Args:
        state: the member's state.
        numbers: the member's numbers, scalars.
        lr: float32 scalar, this step's learning rate.
        batch: (B, 32, 32, 3) uint8 images and (B,) labels.
        step: steps taken before this one; draws of augmentation and dropout follow from it.
        augment_seed: int32 scalar.
        copy: (B,) int32, which copy of the training set each image is from; None = the first.
        parts: the bound program.

    Returns:
        The new state and this step's record: mean loss in nats and its L1 term, correct answers in
        train mode, and what `parts.record` asks for, of the raw gradient. A member whose loss or
        gradient is not finite keeps its old weights from then on.
    """
    loss_of, pairing = loss_of_step(
        state.batch_stats, numbers, batch, step, augment_seed, copy, parts
    )
    grad_fn = _over_parts(jax.value_and_grad(loss_of, has_aux=True), parts)
    (loss, (logits, batch_stats)), grads = grad_fn(state.params)
    direction, opt_state = direction_of_step(
        state, numbers, lr, loss, grads, lambda params: grad_fn(params)[1], parts
    )
    params = optim.apply_direction(state.params, direction, lr)
    ok = state.alive & jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(grads))
    if optim.OPTIMIZERS[parts.optimizer].looks_ahead:
        ok &= jnp.isfinite(optax.tree.norm(direction))
    evaluated = optim.eval_params(parts.optimizer, opt_state, params)
    average = averaging.after_step(parts.average, state.average, evaluated, numbers.average)
    new = state._replace(
        params=params, batch_stats=batch_stats, opt_state=opt_state, average=average
    )
    kept = jax.tree.map(partial(jnp.where, ok), new, state)
    bad_step = jnp.where(state.alive & ~ok, step, state.bad_step).astype(jnp.int32)
    record = {"loss": jnp.where(state.alive, loss, jnp.nan)}
    record["correct"] = parts.part.total(_correct(logits, batch.labels, pairing, parts))
    return kept._replace(alive=ok, bad_step=bad_step), record | _gradient_record(grads, parts)


def direction_of_step(
    state: TrainState, numbers: Numbers, lr: jax.Array, loss: jax.Array, grads: Tree,
    grad_fn: Callable[[Tree], Tree], parts: Parts,
) -> tuple[Tree, Tree]:  # fmt: skip
    """What the optimizer makes of a gradient: where `optim.apply_direction` goes, and its state.

    Args: as `train_step`; `loss` and `grads` at the state's parameters, and `grad_fn`, which gives
        other ones to rules that look ahead.
    """
    return _optimizer(numbers, parts).update(
        grads, state.opt_state, state.params,
        value=loss, learning_rate=lr, grad_fn=lambda params, *_: grad_fn(params),
    )  # fmt: skip


def _over_parts(grad_fn: Callable[[Tree], Any], parts: Parts) -> Callable[[Tree], Any]:
    """`grad_fn` of the whole batch from that of each part; the logits stay the part's."""

    def mean(params: Tree) -> Any:
        (loss, (logits, batch_stats)), grads = grad_fn(params)
        loss, batch_stats, grads = parts.part.mean((loss, batch_stats, grads))
        return (loss, (logits, batch_stats)), grads

    return mean


def _correct(
    logits: jax.Array, labels: jax.Array, pairing: augment.Pairing | None, parts: Parts
) -> jax.Array:
    """How many answers of a part are right; of mixed images, by the labels' shares."""
    answers = jnp.argmax(logits, -1)
    return augment.over_labels(
        lambda labels: (answers == parts.part.of(labels)).sum(dtype=jnp.int32), labels, pairing
    )


def _gradient_record(grads: Tree, parts: Parts) -> dict[str, jax.Array]:
    record: dict[str, jax.Array] = {}
    if "last_layer_grad" in parts.record:
        last = _leaf(grads, parts.last_kernel)
        record |= {"last_layer_grad_min": last.min(), "last_layer_grad_max": last.max()}
    if "first_conv_grad_norm" in parts.record:
        record["first_conv_grad_norm"] = jnp.linalg.norm(_leaf(grads, parts.first_kernel).ravel())
    return record


def _leaf(tree: Tree, path: tuple[str, ...]) -> jax.Array:
    for name in path:
        tree = tree[name]
    return tree
