"""What a group needs of a device's memory, from shapes alone: nothing is compiled or computed."""

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from jaxcifar import programs
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.core.types import Phase, Plan, Program, TrainState, Tree
from jaxcifar.models.counting import IMAGE_SHAPE
from jaxcifar.planning import backward_memory
from jaxcifar.planning.backward_memory import size

IMAGE_BYTES = math.prod(IMAGE_SHAPE) + 4  # uint8 pixels and an int32 label

# What a step holds for a moment besides gradients and the values kept for its backward pass: copies
# that the compiler did not avoid and windows or workspace, as a share of one member's kept values;
# and so many times the value that passes (see `backward_pass`). Small networks need a larger share
# on a CPU, up to so many bytes. Measured against XLA's own account of compiled segments: of sixteen
# networks on a CPU at batch 128 (`scripts/bench_costs.py`), fifteen at 0.86 to 1.11 of it, VGG-A
# light at 1.20; of the same, in both dtypes and as populations, compiled for a GPU that was not
# there (`scripts/gpu_programs.py`), 35 of 40 within 15 %, CNNs at 1.18 to 1.33. The workspace that
# cuDNN chooses is in no account.
WORKSPACE = {"cpu": (0.155, 1.8), "gpu": (0.05, 1.5)}
SMALL = {"cpu": (0.38, 32 * 2**20)}
UNMEASURED = (0.0, 0.0)


class Memory(NamedTuple):
    """Bytes on each device."""

    weights: int  # parameters and BatchNorm statistics
    optimizer: int
    average: int  # of the weights
    best: int  # weights at each member's best evaluation
    saved: int  # what a checkpoint holds of these, while it is written
    images: int  # that train, and that are scored
    step: int  # what is kept for the backward pass, gradients, workspace

    @property
    def segment(self) -> int:
        """What a segment's program works with."""
        return self.total - self.best - self.saved

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self)


def estimate(plan: Plan, n_image: int, backend: str) -> Memory:
    """The memory that a plan needs in its most demanding phase.

    Args:
        plan: of a group.
        n_image: images on the device, training and scored ones.
        backend: "cpu", "gpu", ...; decides the share for workspace.
    """
    found = [
        _of_phase(phase, *programs.blank(plan, index), n_image, backend)
        for index, phase in enumerate(plan.phases)
    ]
    return max(found, key=lambda memory: memory.total)


def _of_phase(phase: Phase, state: TrainState, best: Tree, n_image: int, backend: str) -> Memory:
    program = phase.program
    on_device = {
        "weights": (state.params, state.batch_stats),
        "optimizer": state.opt_state,
        "average": state.average,
        "best": best,
    }
    here = program.rows // program.devices
    held = {name: size(tree) // program.members * here for name, tree in on_device.items()}
    working = here if program.lane == "vmap" else 1
    split = program._replace(batch=-(-program.batch // program.data))
    kept, passing = backward_pass(phase._replace(program=split), state, backend)
    workspace = _workspace(kept, passing, backend) * (working if backend == "gpu" else 1)
    gradients = size(state.params) // program.members
    step = working * (kept + gradients) + workspace
    if backend == "gpu" and working < here:  # a loop over members copies what it trains
        step += held["weights"] + held["optimizer"]
    return Memory(**held, saved=sum(held.values()), images=n_image * IMAGE_BYTES, step=step)


def _workspace(kept: int, passing: int, backend: str) -> int:
    share, times = WORKSPACE.get(backend, UNMEASURED)
    larger, most = SMALL.get(backend, UNMEASURED)
    return round(max(share * kept + times * passing, min(larger * kept, most)))


def backward_pass(phase: Phase, state: TrainState, backend: str) -> tuple[int, int]:
    """Bytes that one member's backward pass keeps of its forward pass, and that pass through.

    The latter are, on a GPU, of the largest product; elsewhere of the largest value that is made on
    the way, where none of its size is kept. The parameters themselves do not count, their signs for
    the L1 term do. `state` may be of shapes; every leaf has the member axis.
    """
    program = phase.program._replace(devices=1, data=1)
    if program.lane == "map" or program.lowering == "library":  # as one alone: traced once
        program = program._replace(members=1)
    leaves, tree = jax.tree.flatten(jax.tree.map(_row, (state, phase.numbers)))
    return _traced(program._replace(segment=1), tuple(leaves), tree, backend)


@lru_cache(maxsize=64)
def _traced(
    program: Program, leaves: tuple[jax.ShapeDtypeStruct, ...], tree: Any, backend: str
) -> tuple[int, int]:
    parts = programs.bind(program)
    member, numbers = jax.tree.unflatten(tree, leaves)
    batch = jax.ShapeDtypeStruct((program.batch, *IMAGE_SHAPE), jnp.uint8)
    images = jax.eval_shape(parts.normalise, batch)
    labels = jax.ShapeDtypeStruct((program.batch,), jnp.int32)

    def backward(params: Tree, statistics: Tree, images: Any, labels: Any, numbers: Any) -> Tree:
        key = key_at(numbers.augment_seed, Purpose.DROPOUT, 0)
        loss = partial(
            programs.loss_fn, batch_stats=statistics, images=images, labels=labels, pairing=None,
            key=key, numbers=numbers, parts=parts,
        )  # fmt: skip
        return jax.vjp(loss, params, has_aux=True)[1]

    traced = jax.make_jaxpr(backward)(member.params, member.batch_stats, images, labels, numbers)
    given = set(traced.jaxpr.invars[: len(jax.tree.leaves(member.params))])
    kept = {v for v in traced.jaxpr.outvars if isinstance(v, core.Var)} - given
    if backend == "gpu":
        held = backward_memory.stored(traced.jaxpr, kept)
        return size([v.aval for v in held]), backward_memory.largest_product(traced.jaxpr)
    made = max(size(v.aval) for line in traced.jaxpr.eqns for v in line.outvars)
    largest = max(size(v.aval) for v in kept)
    return size([v.aval for v in kept]), made if made > largest else 0


def _row(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(np.shape(leaf)[1:], leaf.dtype)
