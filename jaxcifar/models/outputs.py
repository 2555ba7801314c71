"""Looking into a network: its kernels by name, and what its layers give while it runs.

Nothing here changes what a network computes: values are only copied out on the way.
"""

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcifar.models.counting import module_shapes, one_image
from jaxcifar.models.layers import BatchNorm, Conv, Dense
from jaxcifar.models.network import STACKED

LAYERS = (BatchNorm, Conv, Dense)
"""The modules that count as layers."""

SOWN = "intermediates"
"""The collection of values on the way; `network.repeat` stacks it over the blocks of a loop."""

Path = tuple[str, ...]
Run = tuple[Path, int]  # a module, and which of its calls, from 0


def kernels(params: Any) -> dict[str, Any]:
    """The kernels in a tree of parameters by their paths, as "conv1/kernel", in the tree's order.

    Known by name and not by having two axes or more, as a loop's stacked vectors have, too.
    """
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    named = {"/".join(key.key for key in path): leaf for path, leaf in leaves}
    return {path: leaf for path, leaf in named.items() if _last(path).startswith("kernel")}


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def unit_kernels(params: Any) -> dict[str, Any]:
    """The (in, out) matrices of CANet's unit transforms by layer, as "res0/unit/conv1"."""
    found = {path.removesuffix("/kernel"): leaf for path, leaf in kernels(params).items()}
    return {
        path: leaf.reshape(leaf.shape[-2:])
        for path, leaf in found.items()
        if path.split("/")[-2:-1] == ["unit"]
    }


def layers(model: nn.Module) -> tuple[str, ...]:
    """Where the paths of each layer's parameters start, as "res0/conv1", in the order they run.

    A layer is a module with parameters of its own; all blocks of a loop are one, as "blocks".
    """
    variables = module_shapes(model)
    leaves = jax.tree_util.tree_leaves_with_path(variables["params"])
    owners = {"/".join(key.key for key in path[:-1]) for path, _ in leaves}
    called: dict[str, None] = {}

    def watch(
        call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], context: Any
    ) -> Any:
        called["/".join(context.module.path)] = None
        return call(*args, **kwargs)

    with nn.intercept_methods(watch):
        jax.eval_shape(lambda v, x: model.apply(v, x, train=False), variables, one_image())
    tops = ((name, name.partition("/")[0]) for name in called if name in owners)
    return tuple(dict.fromkeys(top if STACKED.match(top) else name for name, top in tops))


def attention(
    model: nn.Module, variables: Any, images: jax.Array
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Logits in eval mode, and the maps by which spatial attention multiplied its inputs.

    Args: as of `model.apply`; images (N, 32, 32, 3) float.
    Returns: (N, classes) logits; by module, as "res0/sa", (N, h, w) in (0, 1).
    """
    logits, sown = model.apply(variables, images, train=False, mutable=[SOWN])
    leaves = jax.tree_util.tree_flatten_with_path(sown.get(SOWN, {}))[0]
    maps = {"/".join(key.key for key in path[:-2]): leaf[..., 0]
            for path, leaf in leaves if path[-2].key == "gate"}  # fmt: skip
    return logits, maps


def outputs(
    model: nn.Module, variables: Any, images: jax.Array, *,
    of: Callable[[jax.Array], Any] = lambda y: y, by_batch: bool = False,
) -> OrderedDict[str, Any]:  # fmt: skip
    """What every convolution, dense layer and normalisation gives, in the order they run.

    Keys are module paths, as "res0/conv1". Block i of a loop is a part of them ("blocks/3/conv1"),
    and so is the number of a call where a module is called again ("res0/unit/conv1 (2)").

    Args:
        model: a network.
        variables: its parameters, statistics and `hyper`, as for `model.apply`.
        images: (N, 32, 32, 3) float.
        of: taken of each output (N, ..., C), at the place: large outputs need not be kept.
        by_batch: BatchNorm normalises by these images' statistics, and not by running averages.
            Nothing is dropped out and nothing updated either way.
    """
    runs: dict[Run, None] = {}  # a loop's body may be traced more than once

    def watch(
        call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], context: Any
    ) -> Any:
        module = context.module
        if context.method_name != "__call__":
            return call(*args, **kwargs)
        if by_batch and isinstance(module, BatchNorm):
            args, kwargs = (args[0], True), {}
        y = call(*args, **kwargs)
        is_layer = isinstance(module, LAYERS)
        module.sow(SOWN, "seen", of(y) if is_layer else jnp.zeros(()))
        if is_layer:
            runs[module.path, len(module.get_variable(SOWN, "seen")) - 1] = None
        return y

    with nn.intercept_methods(watch):
        _, sown = model.apply(variables, images, train=False, mutable=[SOWN])
    return OrderedDict(_by_run(sown[SOWN], runs))


def _by_run(sown: Any, runs: Iterable[Run]) -> Iterable[tuple[str, Any]]:
    """Names and values, those of a loop block by block."""
    for (loop, count), group in itertools.groupby(runs, key=lambda run: _loop(sown, run[0])):
        body = list(group)
        for index, (path, call) in itertools.product(range(count or 1), body):
            value = _at(sown, path)["seen"][call]
            rest = "/".join(path[len(loop) :]) + (f" ({call + 1})" if call else "")
            if count is None:
                yield rest, value
            else:
                block = jax.tree.map(lambda leaf, index=index: leaf[index], value)
                yield "/".join((*loop, str(index), rest)), block


def _loop(sown: Any, path: Path) -> tuple[Path, int | None]:
    """The block around a layer that runs in a loop, and how often; ((), None) = there is none."""
    for depth in range(1, len(path)):
        entered = _at(sown, path[:depth])["seen"][0]  # a scalar each time it is called
        if entered.ndim:
            return path[:depth], len(entered)
    return (), None


def _at(tree: Any, path: Path) -> Any:
    for part in path:
        tree = tree[part]
    return tree
