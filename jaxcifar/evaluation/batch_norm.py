"""BatchNorm statistics for averaged weights: one pass over the training images.

Weights that were averaged never saw a batch, and the trained weights' running statistics do not
fit them (arXiv:1803.05407). As PyTorch's ``update_bn``, the pass is in training mode and keeps the
plain mean of the batches' statistics, the last short batch counting like the others.
"""

from collections.abc import Callable
from functools import cache, partial

import jax
import jax.numpy as jnp

from jaxcifar import programs
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.core.signals import Interrupted
from jaxcifar.core.types import Images, Numbers, Plan, Program, Stream, Tree
from jaxcifar.optim import averaging


def reestimate(
    plan: Plan, images: Images, params: Tree, batch_stats: Tree, stop: Callable[[], bool]
) -> Tree:
    """{"params", "batch_stats"}: `params` with statistics of their own.

    The images come in the order of the epoch after the run's last, augmented as in its last stage
    (but for mixing) by draws of their own: the same bits whenever it is done.

    Args:
        plan: of the run that is over.
        images: the training images, on the devices.
        params: leaves (M, ...).
        batch_stats: gives shapes and dtypes; a network without BatchNorm has none.
        stop: asked between segments.

    Raises: Interrupted: `stop` said so; nothing is kept of the pass.
    """
    phase = plan.phases[-1]
    if not jax.tree.leaves(batch_stats):
        return {"params": params, "batch_stats": batch_stats}
    running = programs.place(jax.tree.map(jnp.zeros_like, batch_stats), phase.program)
    numbers = programs.place(phase.numbers, phase.program)
    stream = programs.stream_of(phase, phase.locate(phase.stop)[0])
    full, at = phase.visits // phase.program.batch, 0
    while at < phase.steps_per_epoch:
        if stop():
            raise Interrupted
        program, row = phase.program, at * phase.program.batch
        end = min(at + program.segment, full)
        if at == full:
            program, end = program._replace(batch=phase.visits - row), at + 1
        span = programs.replicate(programs.span(at, end, row), program)
        running, at = make_pass(program)(running, params, numbers, stream, images, span), end
    return {"params": params, "batch_stats": running}


def _member_pass(
    running: Tree, params: Tree, numbers: Numbers, stream: Stream, data: Images, span: jax.Array, *,
    parts: programs.Parts, batch: int,
) -> Tree:  # fmt: skip
    first, stop, row = span
    numbers = numbers._replace(augment=stream.augment)
    blank = jax.tree.map(jnp.zeros_like, running)

    def body(index: jax.Array, running: Tree) -> Tree:
        images, copy, _ = programs.images_at(stream, data, row + (index - first) * batch, batch)
        key = key_at(stream.augment_seed, Purpose.STATISTICS, index)
        found = programs.batch_statistics(params, blank, numbers, images, key, copy, parts=parts)
        return averaging.mean_of(running, found, index)

    return jax.lax.fori_loop(first, stop, body, running)


@cache
def make_pass(program: Program) -> Callable[..., Tree]:
    """(running, params, numbers, stream, data, span) -> running: the batches [first, stop) join.

    span as in `programs.make_segment`: batches before the first, the batch to stop before, and the
    first one's place in the order. Any cut gives the same bits.
    """
    member = partial(_member_pass, parts=programs.bind(program), batch=program.batch)
    batched = (True, True, True, not program.shared_batch, False, False)
    return jax.jit(programs.over_members(member, program, batched))
