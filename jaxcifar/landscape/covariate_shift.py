"""Internal covariate shift (after arXiv:1805.11604): what earlier layers' steps do to a gradient.

Of layer i the gradient G_i at the weights is compared with the one after the layers before it, and
only they, took a step along their own gradients on the same batch.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxcifar import models
from jaxcifar.core import kill_points
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Tree
from jaxcifar.evaluation import trained
from jaxcifar.landscape import points
from jaxcifar.landscape.directions import named_leaves
from jaxcifar.landscape.objective import Objective
from jaxcifar.landscape.progress import watched
from jaxcifar.landscape.slices import objective_of
from jaxcifar.records import covariate_shift as records
from jaxcifar.records.covariate_shift import Shift


class Seen(NamedTuple):
    """What is measured of every layer's gradient, (L,) each."""

    gradient_norm: jax.Array
    distance: jax.Array
    cosine: jax.Array


def covariate_shift(
    target: Objective | Path | str, member: str | None = None, *, size: float = 0.1,
    layers: Sequence[str] | None = None, out: Path | str | None = None, **of: Any,
) -> Shift:  # fmt: skip
    """How the gradient of each layer changes when the layers before it take a gradient step.

    It costs a gradient for each layer and batch. What is not finite is NaN.

    Args:
        target: a run folder, or an objective (`of_loss`, `of_member`).
        member: whose weights of the run folder.
        size: of the step along the gradient, such as the learning rate of plain SGD.
        layers: where the paths of each layer's parameters start, such as "conv1", in the order they
            run; all parameters must lie in one. None = every module of the member with parameters
            of its own; blocks of a loop are one layer.
        out: a folder for the record, with which an interrupted call goes on; None = the run
            folder's ``landscape``, or none for an objective.
        of: what else `of_member` takes: which, split, subset, batch, mode, data_dir. The mode is
            "train" where none is named.

    Returns: a `Shift`, a row a batch; its ``units`` say what its arrays are in.

    Raises: UserError: as `of_member`; a size that is no finite number above 0, an objective without
        `layers`, layers that do not hold all parameters, or one that holds none.

    >>> found = landscape.covariate_shift("runs/mine", "bn-0.1", size=0.1)
    >>> dict(zip(found.layers, found.distance.mean(axis=0)))
    """
    if not (isinstance(size, float | int) and 0 < size < float("inf")):
        raise UserError(f"a size of {size!r}\nallowed: a finite number above 0")
    if not isinstance(target, Objective):
        of = {"mode": "train"} | of
    objective, place = objective_of(target, member, out, of)
    if layers is None:
        if isinstance(target, Objective) or member is None:
            raise UserError(
                "an objective does not say in which order its layers run\n"
                "give layers, such as ('conv1', 'conv2', 'dense')"
            )
        layers = layers_of(target, member, of.get("which", "best"))
    about = {**objective.about, "size": float(size), "batches": len(objective.counts)}
    empty = records.blank(layers, about)
    path = None if place is None else place / records.file_name(empty)
    return _fill(objective, empty, places_in(objective.params, layers), path)


def _fill(objective: Objective, found: Shift, places: tuple[int, ...], path: Path | None) -> Shift:
    """What the record has of it, and the other batches one by one: each is recorded when done."""
    size = found.about["size"]
    identity = points.identify(objective, {"size": size, "layers": list(found.layers)})
    if path is not None and path.exists():
        before, of = records.read(path)
        found = before if of == identity else found
    done, total = len(found.step), len(objective.counts)
    what = f"{objective.about['name']}: covariate shift"
    for index in watched(range(done, total), total, what, done=done):
        batch = jax.tree.map(lambda leaf, index=index: leaf[index], objective.batches)
        seen = _shift(objective.loss, objective.params, batch, size, places)
        found = records.extended(found, jax.device_get(seen)._asdict())
        if path is not None:
            records.write(path, found, identity)
        kill_points.reach("shift")
    return found


def layers_of(workdir: Path | str, member: str, which: str = "best") -> tuple[str, ...]:
    """The layers of a trained member in the order they run, see `models.layers`."""
    return models.layers(trained.load(workdir, member, which)[0])


def places_in(params: Tree, layers: Sequence[str]) -> tuple[int, ...]:
    """Of every array of a tree, in its order, the layer that it belongs to.

    Raises: UserError: it belongs to none or to several, or a layer has no array.
    """
    found = []
    for path in named_leaves(params):
        own = [place for place, layer in enumerate(layers) if f"{path}/".startswith(f"{layer}/")]
        if len(own) != 1:
            raise UserError(
                f"{path} belongs to {len(own)} of the layers {', '.join(layers)}\n"
                "every parameter must belong to one: give the starts of their paths as layers"
            )
        found += own
    if empty := [layer for place, layer in enumerate(layers) if place not in found]:
        there = dict.fromkeys(path.partition("/")[0] for path in named_leaves(params))
        raise UserError(f"the layer {empty[0]!r} has no parameters\nthere are: {', '.join(there)}")
    return tuple(found)


@partial(jax.jit, static_argnames="places")
def _shift(
    loss: Callable[[Tree, Any], jax.Array], params: Tree, batch: Any, size: jax.Array,
    places: tuple[int, ...],
) -> Seen:  # fmt: skip
    def update(_: jax.Array, gradient: Tree) -> Tree:
        return jax.tree.map(lambda w, g: w - jnp.asarray(size, w.dtype) * g, params, gradient)

    return gradient_shift(lambda w: loss(w, batch), params, update, places)


def gradient_shift(
    loss: Callable[[Tree], jax.Array], params: Tree, update: Callable[[jax.Array, Tree], Tree],
    places: tuple[int, ...],
) -> Seen:  # fmt: skip
    """The shift of any differentiable loss. Pure: to be compiled by the caller.

    A gradient a layer, one after another in one loop; the first layer's, before which nothing
    moves, is the one at the weights.

    Args:
        loss: (params) -> scalar.
        params: a pytree of floats.
        update: (loss and gradient at `params`) -> what all weights would be after the step.
        places: of every array the number of its layer, see `places_in`.
    """
    count = max(places) + 1
    where = jax.tree.unflatten(jax.tree.structure(params), places)

    def look(first: Any, layer: jax.Array) -> tuple[Any, tuple[jax.Array, ...]]:
        def moved(w: jax.Array, new: jax.Array, place: int) -> jax.Array:
            return jnp.where(place < layer, new, w)

        seen = jax.value_and_grad(loss)(jax.tree.map(moved, params, update(*first), where))
        first = jax.tree.map(partial(jnp.where, layer == 0), seen, first)
        before, after = first[1], seen[1]
        change = jax.tree.map(jnp.subtract, after, before)
        pairs = ((before, before), (change, change), (after, before), (after, after))
        return first, tuple(_by_layer(*pair, places, count)[layer] for pair in pairs)

    shapes = jax.eval_shape(loss, params)
    nowhere = (jnp.zeros((), shapes.dtype), jax.tree.map(jnp.zeros_like, params))
    before, change, product, after = jax.lax.scan(look, nowhere, jnp.arange(count))[1]
    norm = jnp.sqrt(before)
    return Seen(norm, jnp.sqrt(change), product / (norm * jnp.sqrt(after)))


def _by_layer(left: Tree, right: Tree, places: tuple[int, ...], count: int) -> jax.Array:
    """Scalar products (count,) of the parts of two trees that belong to each layer."""
    products = jax.tree.map(lambda a, b: (a * b).sum(), left, right)
    total = jnp.zeros(count, jnp.result_type(*jax.tree.leaves(products)))
    for place, product in zip(places, jax.tree.leaves(products), strict=True):
        total = total.at[place].add(product)
    return total
