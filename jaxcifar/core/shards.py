"""A batch in equal parts along a mesh axis: which part is this device's, and sums over all."""

from typing import NamedTuple

import jax

from jaxcifar.core.types import Tree

AXIS = "data"
"""The mesh axis along which batches are split."""


class Part(NamedTuple):
    """What a device takes of each batch; by default, where there is no such axis, all of it.

    A batch that cannot be split evenly is taken whole by every device of the axis.
    """

    devices: int = 1  # along the axis
    shards: int = 1  # parts of the batch; 1 = each device takes all of it

    def of(self, values: jax.Array) -> jax.Array:
        """This device's rows of (N, ...) values."""
        if self.shards == 1:
            return values
        size = values.shape[0] // self.shards
        place = jax.lax.axis_index(AXIS) * size
        return jax.lax.dynamic_slice_in_dim(values, place, size)

    def whole(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the batch that values of this shape are a part of."""
        return (shape[0] * self.shards, *shape[1:])

    def mean(self, tree: Tree) -> Tree:
        """Means over the devices: the same bits on all of them from now on."""
        return tree if self.devices == 1 else jax.lax.pmean(tree, AXIS)

    def total(self, tree: Tree) -> Tree:
        """Sums over the parts."""
        return tree if self.shards == 1 else jax.lax.psum(tree, AXIS)


WHOLE = Part()
"""All of a batch."""
