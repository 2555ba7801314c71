"""What a landscape is of: a loss of weights on batches, of a trained member or of anyone's own."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from jaxcifar import models, programs
from jaxcifar.checkpoints.trained_weights import Kept
from jaxcifar.core import setup
from jaxcifar.core.errors import UserError, unknown
from jaxcifar.core.files import given
from jaxcifar.core.types import Images, Leaf, Numbers, Program, Tree
from jaxcifar.core.wording import plural
from jaxcifar.evaluation import trained
from jaxcifar.models.spec import RATES
from jaxcifar.planning import prepare
from jaxcifar.planning.group import Group, split_rows
from jaxcifar.records import study_file

MODES = ("eval", "train")
"""What BatchNorm normalises by: its running statistics, or the statistics of the batch itself."""

SPLITS = ("train", "test", "validation")
SUBSET = 2000
"""Images that are taken where nobody says how many."""


class Totals(NamedTuple):
    """Sums over the examples of a batch."""

    loss: jax.Array  # in nats
    correct: jax.Array  # int32


class Batch(NamedTuple):
    """Images of which only those count that `mask` lets through: the last batch is filled up."""

    images: Leaf  # (..., B, 32, 32, 3) uint8
    labels: Leaf  # (..., B) int32
    mask: Leaf  # (..., B) bool


class Objective(NamedTuple):
    """A loss of weights, the weights to look around at, and the batches that it is a mean over.

    `loss` and `totals` are `jax.tree_util.Partial`: what a member's numbers are is an argument of
    the programs they are compiled into, so that members of one network share them.
    """

    loss: Callable[[Tree, Any], jax.Array]  # (params, a batch) -> mean loss in nats, scalar
    totals: Callable[[Tree, Any], Totals] | None  # the same as sums; None = the mean alone
    params: Tree  # floats, without a member axis
    batches: Any  # leaves (K, B, ...)
    counts: np.ndarray  # (K,) int64 examples that count in each batch
    about: Mapping[str, Any]  # whose it is and what it is measured on, for records and captions
    stacked: tuple[str, ...] = ()  # modules whose arrays have a leading axis of blocks

    @property
    def examples(self) -> int:
        """How many examples the loss is a mean over."""
        return int(self.counts.sum())


def of_loss(
    loss: Callable[[Tree, Any], jax.Array], params: Tree, batches: Any,
    counts: Any = None, *, name: str = "a loss", stacked: tuple[str, ...] = (),
) -> Objective:  # fmt: skip
    """An objective of any differentiable loss, such as of a Flax model that was not trained here.

    Args:
        loss: (params, a batch) -> scalar, the mean over the batch's examples; pure.
        params: a pytree of finite floats.
        batches: a pytree, every leaf (K, ...): K batches of one shape.
        counts: (K,) examples in each batch, which weigh it in the mean; None = all weigh alike.
        name: what figures call it.
        stacked: names of top-level modules whose arrays have a leading axis of repeated blocks.

    Returns: what `surface`, `line`, `hessian`, `probe` and the others look at.

    Raises: UserError: no weights, weights that are no finite floats, batches of unequal number, a
        loss that is not one number.

    >>> mine = of_loss(lambda w, x: jnp.square(x @ w).mean(), jnp.ones(3), jnp.ones((4, 8, 3)))
    """
    lengths = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(batches)}
    if len(lengths) != 1 or lengths & {(), (0,)}:
        raise UserError(
            f"batches have leading axes {sorted(lengths)}\nallowed: every leaf (K, ...), K batches"
        )
    ((k,),) = lengths
    given_counts = np.ones(k, np.int64) if counts is None else np.asarray(counts)
    if given_counts.shape != (k,) or not (given_counts > 0).all():
        raise UserError(f"counts are {given_counts}\nallowed: {k} numbers above 0, one a batch")
    require_finite(params, name)
    params = jax.tree.map(jnp.asarray, params)
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype),
                       jax.tree.map(jnp.asarray, batches))  # fmt: skip
    said = jax.eval_shape(loss, params, one)
    if getattr(said, "shape", None) != ():
        what = f"of shape {said.shape}" if hasattr(said, "shape") else f"a {type(said).__name__}"
        raise UserError(f"{name} gives {what} for a batch\nallowed: one number, the mean loss")
    about = {"name": name, "examples": int(given_counts.sum())}
    return Objective(Partial(loss), None, params, batches, given_counts, about, stacked)


def require_finite(params: Tree, whose: str) -> None:
    """Make sure that weights are finite floats. Raises: UserError."""
    leaves = jax.tree.leaves(params)
    if not leaves or not all(jnp.issubdtype(jnp.result_type(x), jnp.floating) for x in leaves):
        raise UserError(f"the weights of {whose} are no floats\ngive a pytree of float arrays")
    if not all(np.isfinite(np.asarray(leaf)).all() for leaf in leaves):
        raise UserError(f"weights of {whose} are not all finite numbers\ngive others")


def of_member(
    workdir: Path | str, member: str, which: str = "best", *, split: str = "train",
    subset: int | str | None = None, batch: int | None = None, mode: str = "eval",
    data_dir: str | None = None, with_statistics: bool = False,
) -> Objective:  # fmt: skip
    """The loss around a trained member, as it was trained but for augmentation and dropout.

    Neither weight decay nor an L1 term is in it. In mode "eval" it is what scoring measures, to
    the bit where images and batch are those of scoring and its members lie one after another, as
    on a CPU: all images count, the last batch is filled up and masked. In mode "train" BatchNorm
    normalises by the statistics of the batch, which nothing may fill up: whole batches count, and
    images that are left over do not.

    Args:
        workdir, member, which: as of `jaxcifar.load`.
        split: "train" (without the validation part), "validation" or "test".
        subset: how many of its images, the first ones in the order of the data; "all"; None =
            2,000, or all where there are fewer.
        batch: images at once; None = scoring's in mode "eval", training's in mode "train".
        mode: "eval" or "train".
        data_dir: where the images lie now; None = as `score_group` looks for them.
        with_statistics: the weights are {"params", "batch_stats"}, so that BatchNorm's running
            statistics move, too; otherwise they stay those of the checkpoint.

    Returns: what `surface`, `line`, `hessian`, `probe` and the others look at.
    Raises: UserError: an unknown mode, split or member, more images than there are, weights that
        are not finite, and as `jaxcifar.load`.

    >>> near = of_member("runs/mine", "norm=batch,lr=0.001", split="test", mode="eval")
    """
    _require_known(mode, split)
    kept = trained.restore(workdir, member, which)
    weights, row = kept.of(member), kept.members.index(member)
    setup.prepare(kept.configs[member].deterministic)
    group = prepare.group_at(kept.group, kept.runs, data_dir)
    phase = group.plan.phases[-1]
    usual = kept.configs[member].train.batch_size if mode == "train" else group.plan.score_batch
    size = usual if batch is None else batch
    batches, counts = _batches(_images(group, split, subset), size, mode)
    numbers = jax.tree.map(lambda leaf: jnp.asarray(leaf[row]), phase.numbers)
    loss, totals = _functions(phase.program, mode, with_statistics)
    fixed = (numbers, {} if with_statistics else jax.device_put(weights["batch_stats"]))
    whole = {name: weights[name] for name in ("params", "batch_stats")}
    return Objective(
        Partial(loss, *fixed), Partial(totals, *fixed),
        jax.device_put(whole if with_statistics else weights["params"]),
        jax.device_put(batches), counts,
        _about(given(workdir), kept, member, weights, split, mode, size, counts),
        tuple(name for name in weights["params"] if models.STACKED.match(name)),
    )  # fmt: skip


def _require_known(mode: str, split: str) -> None:
    for kind, word, words in (("mode", mode, MODES), ("split", split, SPLITS)):
        if word not in words:
            raise unknown(kind, str(word), words)


def _about(
    workdir: Path, kept: Kept, member: str, weights: Tree, split: str, mode: str, size: int,
    counts: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    told = study_file.read(workdir)
    run = kept.runs[kept.members.index(member)]
    return {
        "name": member, "study": told["study"], "data": told["data"]["label"],
        "batchnorm": bool(jax.tree.leaves(weights["batch_stats"])), "identity": run.identity,
        "which": kept.which, "network": run.config.model.name,
        "split": split, "mode": mode, "batch": size, "examples": int(counts.sum()),
    }  # fmt: skip


def _images(group: Group, split: str, subset: int | str | None) -> Images:
    """The first images of a split, on the host. Raises: UserError: there are not so many."""
    if split == "test":
        images, labels = group.data.test_images, group.data.test_labels
    else:
        rows = split_rows(group.data, group.members[0].config.data)[split == "validation"]
        images, labels = group.data.train_images[rows], group.data.train_labels[rows]
    there = len(labels)
    wanted = min(SUBSET, there) if subset is None else there if subset == "all" else subset
    if type(wanted) is not int or not 1 <= wanted <= there:
        raise UserError(
            f"a subset of {subset!r} of {plural(there, 'image')} ({split})\n"
            f"allowed: 1..{there}, or all"
        )
    return Images(images[:wanted], labels[:wanted].astype(np.int32))


def _batches(images: Images, size: int, mode: str) -> tuple[Batch, np.ndarray]:
    """(K, B, ...) batches, and how many images of each count."""
    n = len(images.labels)
    if type(size) is not int or size < 1 or (mode == "train" and size > n):
        raise UserError(
            f"a batch of {size!r} of {plural(n, 'image')}\nallowed: whole numbers from 1"
            + (
                f" to {n}: BatchNorm takes its statistics of whole batches"
                if mode == "train"
                else ""
            )
        )
    k = n // size if mode == "train" else -(-n // size)
    rows = np.arange(k * size).reshape(k, size)
    mask = rows < n
    taken = np.minimum(rows, n - 1)
    return Batch(images.images[taken], images.labels[taken], mask), mask.sum(1)


@cache
def _functions(
    program: Program, mode: str, with_statistics: bool
) -> tuple[Callable[..., jax.Array], Callable[..., Totals]]:
    """(numbers, statistics, weights, batch) -> mean loss, and its totals: one pair a program."""
    parts = programs.bind(program._replace(lane="map"))

    def totals(numbers: Numbers, statistics: Tree, weights: Tree, batch: Batch) -> Totals:
        params = weights["params"] if with_statistics else weights
        statistics = weights["batch_stats"] if with_statistics else statistics
        images = Images(batch.images, batch.labels)
        if mode == "eval":
            found = programs.score_batch(
                params, statistics, numbers, images, batch.mask, parts=parts
            )
            return Totals(found.loss, found.correct)
        mean, (logits, _) = programs.loss_fn(
            params, statistics, parts.normalise(batch.images), batch.labels, None,
            jax.random.key(0), _plain(numbers), parts,
        )  # fmt: skip
        correct = (jnp.argmax(logits, -1) == batch.labels).sum(dtype=jnp.int32)
        return Totals(mean * batch.labels.shape[-1], correct)

    def loss(numbers: Numbers, statistics: Tree, weights: Tree, batch: Batch) -> jax.Array:
        return totals(numbers, statistics, weights, batch).loss / batch.mask.sum()

    return loss, totals


def _plain(numbers: Numbers) -> Numbers:
    """The numbers without dropout and L1 term."""
    off = {name: jnp.zeros_like(numbers.model[name]) for name in RATES if name in numbers.model}
    return numbers._replace(model=numbers.model | off, l1=jnp.zeros_like(numbers.l1))
