"""Variables to PyTorch state dicts and back: names and axes."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar.core.errors import UserError
from jaxcifar.interop import names
from jaxcifar.interop.state_dicts import bare, refuse_misfits
from jaxcifar.models import STACKED, make_model
from jaxcifar.models.counting import IMAGE_SHAPE, module_shapes

Arrays = dict[str, np.ndarray]
Flat = dict[tuple[str, ...], Any]

COLLECTIONS = ("params", "batch_stats")


class Place(NamedTuple):
    """Where one array lies on both sides.

    Attributes:
        key: its name in the state dict.
        shape: on our side.
        channels: of the flattened map that this dense kernel reads; 0 for all other arrays.
    """

    key: str
    shape: tuple[int, ...]
    channels: int = 0

    @property
    def torch_shape(self) -> tuple[int, ...]:
        """Its shape in the state dict."""
        return self.to_torch(_blank(self.shape)).shape

    def to_torch(self, array: np.ndarray) -> np.ndarray:
        """HWIO -> OIHW, (k, in, out) -> (out, in, k), (in, out) -> (out, in), () -> (1,).

        The rows of a dense kernel behind a flattened map run over (H, W, C) here and over
        (C, H, W) there.
        """
        if self.channels:
            map_shape = _map_shape(self.shape[0], self.channels)
            array = array.reshape(*map_shape, -1).transpose(2, 0, 1, 3).reshape(self.shape)
        if array.ndim == 4:
            return array.transpose(3, 2, 0, 1)
        return array.reshape(1) if array.ndim == 0 else array.transpose()

    def from_torch(self, array: np.ndarray) -> np.ndarray:
        """The inverse of `to_torch`."""
        if array.ndim == 4:
            return array.transpose(2, 3, 1, 0)
        array = array.reshape(()) if self.shape == () else array.transpose()
        if self.channels:
            height, width, channels = _map_shape(self.shape[0], self.channels)
            array = array.reshape(channels, height, width, -1).transpose(1, 2, 0, 3)
        return array.reshape(self.shape)


def _map_shape(features: int, channels: int) -> tuple[int, int, int]:
    side = math.isqrt(features // channels)
    return side, side, channels


def _blank(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros that take no memory: shapes to compute with."""
    return np.broadcast_to(np.float32(0), shape)


def to_torch(name: str, variables: Mapping[str, Any], **options: Any) -> Arrays:
    """The state dict of a network: NumPy arrays in the names of its usual PyTorch implementation.

    Args:
        name: one of `MODELS`.
        variables: {"params": ..., "batch_stats": ...} as `init` and `load` give them; other
            collections are no part of a state dict. Gradients may stand for parameters.
        **options: those the network was made with.

    Returns:
        An array for each parameter and running statistic, in the given dtype;
        docs/reference/interop.md lists the names. PyTorch's `num_batches_tracked` is not written.

    Raises:
        UserError: unknown network or option; an array that is unknown, missing or of another
            shape than the network's.
    """
    return state_dict(name, make_model(name, **options), variables)


def from_torch(name: str, arrays: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """The variables of a network from a PyTorch state dict.

    Args:
        name: one of `MODELS`.
        arrays: anything NumPy takes, under the names that `to_torch` gives;
            what a wrapper puts into them, such as ``module.`` or ``_orig_mod.``, is taken out,
            which is said in a line; `num_batches_tracked` is dropped.
        **options: those the network is made with.

    Returns:
        {"params": ..., "batch_stats": ...} for `apply`, NumPy arrays in the given dtype;
        "batch_stats" is absent from networks without BatchNorm.

    Raises:
        UserError: as `to_torch`; an array that is not of floats.
    """
    return variables_of(name, make_model(name, **options), arrays)


def state_dict(name: str, model: Any, variables: Mapping[str, Any]) -> Arrays:
    """As `to_torch`, for a network already made."""
    found = places(name, model)
    given = _unstacked({c: variables[c] for c in COLLECTIONS if c in variables})
    wanted = {"/".join(path): place.shape for path, place in found.items()}
    refuse_misfits(name, {"/".join(path): array.shape for path, array in given.items()}, wanted)
    return {
        place.key: np.ascontiguousarray(place.to_torch(given[path]))
        for path, place in found.items()
    }


def variables_of(name: str, model: Any, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """As `from_torch`, for a network already made."""
    found = places(name, model)
    wanted = {place.key: place.torch_shape for place in found.values()}
    kept = {key: np.asarray(array) for key, array in bare(arrays).items()}
    refuse_misfits(name, {key: array.shape for key, array in kept.items()}, wanted)
    for key, array in kept.items():
        if not jnp.issubdtype(array.dtype, jnp.floating):
            raise UserError(f"{key!r} holds {array.dtype}\na network's arrays are floats")
    flat = {path: place.from_torch(kept[place.key]) for path, place in found.items()}
    return _stacked(flat, _expected(model))


def places(name: str, model: Any) -> dict[tuple[str, ...], Place]:
    """Every array of a network by its path (collection, module, ..., leaf), blocks unstacked."""
    arrays = _unstacked(_expected(model))
    shapes = {"/".join(path[1:]): array.shape for path, array in arrays.items()}
    keys = names.torch_keys(name, shapes)
    dense, before = names.flattened(name, shapes)
    channels = shapes[before][-1] if before else IMAGE_SHAPE[-1]
    found = {path: "/".join(path[1:]) for path in arrays}
    return {
        path: Place(keys[leaf], shapes[leaf], channels if leaf == dense else 0)
        for path, leaf in found.items()
    }


def _expected(model: Any) -> Any:
    """A network's variables as arrays without content."""
    return jax.tree.map(lambda struct: _blank(struct.shape), module_shapes(model))


def _unstacked(tree: Mapping[str, Any]) -> Flat:
    """Leaves by path; those of stacked blocks row by row, as if each block had its module."""
    flat: Flat = {}
    for entries, leaf in jax.tree_util.tree_leaves_with_path(tree):
        collection, *path = (entry.key for entry in entries)
        array = np.asarray(leaf)
        if STACKED.match(path[0]):
            for row in range(len(array)):
                flat[(collection, f"{path[0]}_{row}", *path[1:])] = array[row]
        else:
            flat[(collection, *path)] = array
    return flat


def _stacked(flat: Flat, like: Any) -> dict[str, Any]:
    """The tree of the shape of `like`: the inverse of `_unstacked`."""

    def leaf(entries: Any, blank: np.ndarray) -> np.ndarray:
        collection, module, *rest = (entry.key for entry in entries)
        if not STACKED.match(module):
            return np.ascontiguousarray(flat[(collection, module, *rest)]).reshape(blank.shape)
        rows = range(len(blank))
        return np.stack([flat[(collection, f"{module}_{row}", *rest)] for row in rows])

    return jax.tree_util.tree_map_with_path(leaf, like)
