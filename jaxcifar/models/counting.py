"""What a network holds and costs, from shapes alone: nothing is computed and no device asked."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.extend import core

from jaxcifar.models.factory import make_model

IMAGE_SHAPE = (32, 32, 3)


class Counts(NamedTuple):
    """Sizes of a network: numbers of trained values, of BN statistics, and products an image."""

    parameters: int
    statistics: int
    macs: int


def shapes(name: str, image_shape: tuple[int, ...] = IMAGE_SHAPE, **options: Any) -> Any:
    """The variables of a network as shapes: {"params": ..., "batch_stats": ...} of structs."""
    return module_shapes(make_model(name, **options), image_shape)


def module_shapes(model: nn.Module, image_shape: tuple[int, ...] = IMAGE_SHAPE) -> Any:
    """As `shapes`, of a network already made."""
    init = functools.partial(model.clone(lowering="library").init, train=False)
    return jax.eval_shape(lambda x: init(jax.random.key(0), x), one_image(image_shape))


def one_image(shape: tuple[int, ...] = IMAGE_SHAPE) -> jax.ShapeDtypeStruct:
    """A float32 batch of one image, as a struct."""
    return jax.ShapeDtypeStruct((1, *shape), jnp.float32)


def count_parameters(name: str, **options: Any) -> int:
    """Trained numbers: kernels, biases, BN scale and bias, learned slopes."""
    return _size(shapes(name, **options)["params"])


@functools.lru_cache(maxsize=256)
def macs(name: str, image_shape: tuple[int, ...] = IMAGE_SHAPE, **options: Any) -> int:
    """Multiply-accumulates of one image's forward pass in convolutions and dense layers.

    Counted as usual: a convolution costs output elements times window times input channels a
    group, its padding included; normalisation, activations and pooling count nothing.
    """
    model = make_model(name, **{**options, "lowering": "library"})
    variables = shapes(name, image_shape, **options)
    apply = functools.partial(model.apply, train=False)
    return _walk(jax.make_jaxpr(apply)(variables, one_image(image_shape)).jaxpr)


def count(name: str, **options: Any) -> Counts:
    """All counts of a network."""
    found = shapes(name, **options)
    statistics = _size(found.get("batch_stats", {}))
    return Counts(_size(found["params"]), statistics, macs(name, **options))


def _size(tree: Any) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))


def _walk(jaxpr: core.Jaxpr) -> int:
    return sum(_PRODUCTS.get(eqn.primitive.name, _inner)(eqn) for eqn in jaxpr.eqns)


def _inner(eqn: core.JaxprEqn) -> int:
    """Products inside a primitive that holds other programs (jit, custom rules, scan)."""
    found = 0
    for param in eqn.params.values():
        inner = getattr(param, "jaxpr", param)
        if isinstance(inner, core.Jaxpr):
            found += _walk(inner)
    return found * eqn.params.get("length", 1) if eqn.primitive.name == "scan" else found


def _convolution(eqn: core.JaxprEqn) -> int:
    return math.prod(_shape(eqn.outvars[0])) * math.prod(_shape(eqn.invars[1])[:3])


def _dot(eqn: core.JaxprEqn) -> int:
    (contracted, _), _ = eqn.params["dimension_numbers"]
    left = _shape(eqn.invars[0])
    return math.prod(_shape(eqn.outvars[0])) * math.prod(left[axis] for axis in contracted)


def _shape(variable: Any) -> tuple[int, ...]:
    return variable.aval.shape


_PRODUCTS: dict[str, Callable[[core.JaxprEqn], int]] = {
    "conv_general_dilated": _convolution,
    "dot_general": _dot,
}
