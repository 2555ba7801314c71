"""One batch scored: sums of losses, correct answers as integers."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxcifar import augment, models
from jaxcifar.core.types import Images, Numbers, Tree
from jaxcifar.programs import answer_counts
from jaxcifar.programs.parts import Parts


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
    answers: Any  # `answer_counts.Answers` if asked for, else ()


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
    images, labels, mask = map(parts.part.of, (images, batch.labels, mask))
    logits = parts.model.apply(variables, images, train=False)
    loss = parts.loss(logits, labels, **numbers.loss)
    correct = (jnp.argmax(logits, -1) == labels) & mask
    said = answer_counts.tally(logits, labels, mask) if detailed else ()
    sums = Sums(jnp.where(mask, loss, 0).sum(), correct.sum(dtype=jnp.int32), said)
    return parts.part.total(sums)
