"""One member's training step and score: pure functions that know no config, file or population."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxcifar import answers, augment, averaging, losses, models, optim
from jaxcifar.keys import Purpose, key_at
from jaxcifar.models.counting import IMAGE_SHAPE
from jaxcifar.types import Images, Numbers, Program, TrainState, Tree


class Parts(NamedTuple):
    """A program's names made into functions."""

    model: Any
    optimizer: str
    accumulation: str
    loss: Callable[..., jax.Array]
    average: str
    augment: augment.Work
    normalise: Callable[[jax.Array], jax.Array]
    record: tuple[str, ...]
    first_kernel: tuple[str, ...]
    last_kernel: tuple[str, ...]
    param_dtype: str


def bind(program: Program) -> Parts:
    """Look up what a program names."""
    spec = models.MODELS[program.model]
    model = models.make_model(
        program.model,
        dtype=program.dtype,
        lowering=program.lowering,
        members=program.members if program.lane == "vmap" else 1,
        **dict(program.options),
    )
    return Parts(
        model=model,
        optimizer=program.optimizer,
        accumulation=program.accumulation,
        loss=losses.make_loss(program.loss),
        average=program.average,
        augment=program.augment,
        normalise=partial(
            augment.normalise, mean=program.mean, std=program.std, dtype=program.dtype
        ),
        record=program.record,
        first_kernel=spec.first_kernel,
        last_kernel=spec.last_kernel,
        param_dtype=param_dtype(program.dtype),
    )


def param_dtype(dtype: str) -> str:
    """The type of parameters, statistics and losses where `dtype` is that of the computation."""
    return "float64" if dtype == "float64" else "float32"


def init_weights(init_seed: jax.Array, *, model: Any, param_dtype: str) -> dict[str, Tree]:
    """A member's first weights {"params", "batch_stats"}; they depend on `init_seed` alone."""
    images = jnp.zeros((1, *IMAGE_SHAPE), param_dtype)
    variables = model.init(key_at(init_seed, Purpose.INIT, 0), images, train=False)
    found = {"params": variables["params"], "batch_stats": variables.get("batch_stats", {})}
    return jax.tree.map(lambda leaf: leaf.astype(param_dtype), found)


def init_opt_state(params: Tree, numbers: Numbers, *, parts: Parts) -> Tree:
    """A fresh optimizer state, as every phase begins with."""
    return _optimizer(numbers, parts).init(params)


def _optimizer(numbers: Numbers, parts: Parts) -> Any:
    rule = optim.make_optimizer(parts.optimizer, **numbers.optim)
    return optim.ACCUMULATIONS[parts.accumulation](rule, numbers.clip)


def loss_fn(
    params: Tree, batch_stats: Tree, images: jax.Array, labels: jax.Array,
    pairing: augment.Pairing | None, key: jax.Array, numbers: Numbers, parts: Parts,
) -> tuple[jax.Array, tuple[jax.Array, Tree]]:  # fmt: skip
    """One member's training loss in nats, with its L1 term; then logits and new BN statistics.

    Args: as `train_step`, but for `images` (B, 32, 32, 3), augmented and normalised, and `pairing`,
        with whom each is mixed (None = not at all); `key` is dropout's.
    """
    variables = {"params": params, "batch_stats": batch_stats, "hyper": numbers.model}
    logits, updates = parts.model.apply(
        variables, images, train=True, rngs={"dropout": key}, mutable=["batch_stats"]
    )
    loss = augment.over_labels(partial(parts.loss, logits, **numbers.loss), labels, pairing).mean()
    loss = loss + numbers.l1 * losses.l1_norm(params)
    return loss, (logits, updates.get("batch_stats", {}))


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
    key = key_at(augment_seed, Purpose.AUGMENT, step)
    images, pairing = augment.transform_batch(
        key, batch.images, parts.augment, numbers.augment, parts.normalise, copy
    )
    loss_of = partial(
        loss_fn, batch_stats=state.batch_stats, images=images, labels=batch.labels,
        pairing=pairing, key=key_at(augment_seed, Purpose.DROPOUT, step),
        numbers=numbers, parts=parts,
    )  # fmt: skip
    grad_fn = jax.value_and_grad(loss_of, has_aux=True)
    (loss, (logits, batch_stats)), grads = grad_fn(state.params)
    direction, opt_state = _optimizer(numbers, parts).update(
        grads, state.opt_state, state.params,
        value=loss, learning_rate=lr, grad_fn=lambda params, *_: grad_fn(params)[1],
    )  # fmt: skip
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
    answers = jnp.argmax(logits, -1)
    correct = augment.over_labels(
        lambda labels: (answers == labels).sum(dtype=jnp.int32), batch.labels, pairing
    )
    record = {"loss": jnp.where(state.alive, loss, jnp.nan), "correct": correct}
    return kept._replace(alive=ok, bad_step=bad_step), record | _gradient_record(grads, parts)


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


def record_dtypes(parts: Parts) -> dict[str, str]:
    """Names and dtypes of what `train_step` records."""
    correct = "float32" if augment.mixes(parts.augment) else "int32"  # shares of mixed labels
    fields = {"loss": parts.param_dtype, "correct": correct}
    if "last_layer_grad" in parts.record:
        fields |= dict.fromkeys(("last_layer_grad_min", "last_layer_grad_max"), parts.param_dtype)
    if "first_conv_grad_norm" in parts.record:
        fields["first_conv_grad_norm"] = parts.param_dtype
    return fields


def batch_statistics(
    params: Tree, blank: Tree, numbers: Numbers, batch: Images, key: jax.Array,
    copy: jax.Array | None = None, *, parts: Parts,
) -> Tree:  # fmt: skip
    """BatchNorm's statistics of one batch in training mode: its mean and *unbiased* variance.

    Args:
        params: of the member.
        blank: its statistics, all zero; gives the tree.
        numbers: scalars.
        batch: augmented as in training, but for mixing.
        key: for augmentation and dropout.
        copy: as in `train_step`.
        parts: the bound program.
    """
    image_key, dropout_key = jax.random.split(key)
    images = augment.transform(
        image_key, batch.images, parts.augment, numbers.augment, parts.normalise, copy
    )
    variables = {"params": params, "batch_stats": blank, "hyper": numbers.model}
    _, updates = parts.model.apply(
        variables, images, train=True, rngs={"dropout": dropout_key}, mutable=["batch_stats"]
    )
    share = 1 - models.MOMENTUM  # what the batch weighs in statistics that were zero before
    return jax.tree.map(lambda leaf: leaf / share, updates["batch_stats"])


class Sums(NamedTuple):
    """What scoring adds up over images."""

    loss: Any  # in nats
    correct: Any  # count of correct answers
    answers: Any  # `answers.Answers` if asked for, else ()


def score_batch(
    params: Tree, batch_stats: Tree, numbers: Numbers, batch: Images, mask: jax.Array,
    key: jax.Array | None = None, *, parts: Parts, detailed: bool = False,
) -> Sums:  # fmt: skip
    """Sums over the images that `mask` lets through; of their answers only if `detailed`.

    Eval mode: running statistics, no dropout, and no augmentation unless a `key` is given, which
    then draws it as training would (block masks of the first kind, no mixing). Nothing is updated.
    """
    variables = {"params": params, "batch_stats": batch_stats, "hyper": numbers.model}
    images = (
        parts.normalise(batch.images)
        if key is None
        else augment.transform(key, batch.images, parts.augment, numbers.augment, parts.normalise)
    )
    logits = parts.model.apply(variables, images, train=False)
    loss = parts.loss(logits, batch.labels, **numbers.loss)
    correct = (jnp.argmax(logits, -1) == batch.labels) & mask
    said = answers.tally(logits, batch.labels, mask) if detailed else ()
    return Sums(jnp.where(mask, loss, 0).sum(), correct.sum(dtype=jnp.int32), said)
