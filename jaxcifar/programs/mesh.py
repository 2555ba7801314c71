"""How members lie on the devices: the mesh, its padding, and the two lanes."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxcifar.core.shards import AXIS
from jaxcifar.core.types import Program, Tree

Lane = Callable[..., Any]


@cache
def mesh_of(devices: int, data: int = 1) -> Mesh:
    """The mesh whose axis "member" spans `devices` devices, or so many times `data` of them.

    Where batches are split it has an axis for that, too: neighbours, as those of one host, share
    members.
    """
    shape, names = ((devices, data), ("member", AXIS)) if data > 1 else ((devices,), ("member",))
    kinds = (AxisType.Auto,) * len(names)
    return jax.make_mesh(shape, names, axis_types=kinds, devices=jax.devices()[: devices * data])


def place(tree: Tree, program: Program) -> Tree:
    """Put a population's arrays where its programs expect them (else they compile twice).

    Leaves are (M, ...), or have the program's `rows`: the last member stands in the rows beyond.
    """
    padded = jax.tree.map(partial(_padded, rows=program.rows), tree)
    return _put(padded, NamedSharding(mesh_of(program.devices, program.data), P("member")))


def replicate(tree: Tree, program: Program) -> Tree:
    """Put arrays that all members share on every device of the program."""
    return _put(tree, NamedSharding(mesh_of(program.devices, program.data), P()))


def host(tree: Tree, program: Program) -> Tree:
    """A population's arrays as NumPy, the members' rows alone; on every process if there are many.

    What is NumPy already, as what was never padded, stays as it is.
    """
    return jax.tree.map(lambda leaf: _on_host(leaf)[: program.members], tree)


def gathered(tree: Tree) -> Tree:
    """Arrays as NumPy, whole, on every process."""
    return jax.tree.map(_on_host, tree)


def _padded(leaf: Any, rows: int) -> Any:
    missing = rows - leaf.shape[0]
    if not missing:
        return leaf
    leaf = _on_host(leaf)
    return np.concatenate([leaf, np.repeat(leaf[-1:], missing, axis=0)])


def _put(tree: Tree, sharding: NamedSharding) -> Tree:
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    return jax.tree.map(partial(_put_here, sharding=sharding), tree)


def _put_here(leaf: Any, sharding: NamedSharding) -> jax.Array:
    """This process's shards of an array that every process has; none is sent."""
    if isinstance(leaf, jax.Array) and leaf.sharding.is_equivalent_to(sharding, leaf.ndim):
        return leaf
    whole = _on_host(leaf)
    return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])


def _on_host(leaf: Any) -> np.ndarray:
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        leaf = multihost_utils.process_allgather(leaf, tiled=True)
    return np.asarray(leaf)


def over_members(
    member_fn: Callable[..., Any], program: Program, batched: tuple[bool, ...]
) -> Callable[..., Any]:
    """Make a function of one member into a function of the population, members over devices.

    `batched` says which arguments carry a leading member axis. This is the one place that knows
    how members lie on the hardware; `shard_map` keeps every device on its own members.
    """
    lane = {"vmap": _vmap_lane, "map": _map_lane}[program.lane](member_fn, batched)
    lane.__name__ = getattr(member_fn, "func", member_fn).__name__  # as a compiled program's
    specs = tuple(P("member") if flag else P() for flag in batched)
    return jax.shard_map(
        lane, mesh=mesh_of(program.devices, program.data), in_specs=specs, out_specs=P("member"),
        check_vma=False,
    )  # fmt: skip


def _vmap_lane(member_fn: Callable[..., Any], batched: tuple[bool, ...]) -> Lane:
    """Side by side; one alone without a member axis, which traces in half the time."""
    vmapped = jax.vmap(member_fn, in_axes=tuple(0 if flag else None for flag in batched))

    def lane(*args: Any) -> Any:
        if jax.tree.leaves(args[batched.index(True)])[0].shape[0] > 1:
            return vmapped(*args)
        row = (jax.tree.map(lambda leaf: leaf[0], arg) if flag else arg
               for arg, flag in zip(args, batched, strict=True))  # fmt: skip
        return jax.tree.map(lambda leaf: leaf[None], member_fn(*row))

    return lane


def _map_lane(member_fn: Callable[..., Any], batched: tuple[bool, ...]) -> Lane:
    """One member after another, each result written over its row of a buffer.

    Where the first result has the shape of the first argument (a training state), that argument is
    its buffer: a population's state is then never copied whole.
    """

    def lane(*args: Any) -> Any:
        def member(index: jax.Array, first: Any) -> Any:
            rows = (first, *args[1:])
            return member_fn(
                *(
                    _row(arg, index) if flag else arg
                    for arg, flag in zip(rows, batched, strict=True)
                )
            )

        m = jax.tree.leaves(args[0])[0].shape[0]
        shapes = jax.eval_shape(member, 0, args[0])
        out = jax.tree.map(lambda leaf: jnp.zeros((m, *leaf.shape), leaf.dtype), shapes)
        reuse = type(shapes) is tuple and _alike(out[0], args[0])
        out = (args[0], *out[1:]) if reuse else out

        def body(index: jax.Array, out: Any) -> Any:
            result = member(index, out[0] if reuse else args[0])
            return jax.tree.map(lambda whole, row: whole.at[index].set(row), out, result)

        return jax.lax.fori_loop(0, m, body, out)

    return lane


def _row(tree: Tree, index: jax.Array) -> Tree:
    return jax.tree.map(lambda leaf: jax.lax.dynamic_index_in_dim(leaf, index, 0, False), tree)


def _alike(left: Tree, right: Tree) -> bool:
    def shapes(tree: Tree) -> tuple:
        leaves, structure = jax.tree.flatten(tree)
        return structure, [(leaf.shape, leaf.dtype) for leaf in leaves]

    return shapes(left) == shapes(right)
