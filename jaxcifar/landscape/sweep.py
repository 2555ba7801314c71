"""The BatchNorm loss landscape in one pass: steps of one network at many learning rates."""

from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar import losses, models, optim, programs
from jaxcifar.core import setup, switches
from jaxcifar.core.errors import UserError, unknown
from jaxcifar.core.types import Images, Numbers, Program, Stream, TrainState
from jaxcifar.models.counting import IMAGE_SHAPE
from jaxcifar.planning import lanes, resolve

LANES = ("vmap", "map")


class StepBand(NamedTuple):
    """Envelope of the training loss over learning rates at each step, in nats, float32.

    Members that diverged are left out; NaN where none is left.
    """

    lower: jax.Array
    upper: jax.Array
    mean: jax.Array


def band(losses: jax.Array) -> StepBand:
    """The envelope over learning rates (after arXiv:1805.11604).

    Args:
        losses: (R, ...) in nats; what is not finite is left out.

    Returns: smallest, largest and mean loss, (...) in nats; NaN where none is finite.

    >>> band(jnp.array([2.0, 1.0, jnp.inf])).lower
    1.0
    """
    finite = jnp.isfinite(losses)
    count = finite.sum(axis=0)
    nothing = count == 0
    lower = jnp.where(finite, losses, jnp.inf).min(axis=0)
    upper = jnp.where(finite, losses, -jnp.inf).max(axis=0)
    mean = jnp.where(finite, losses, 0).sum(axis=0) / jnp.maximum(count, 1)
    return StepBand(*(jnp.where(nothing, jnp.nan, edge) for edge in (lower, upper, mean)))


def sweep_program(
    name: str, rates: int, *, batch: int = 128, optimizer: str = "adam",
    loss: str = "cross_entropy", mean: tuple[float, ...] = (0.5,) * 3,
    std: tuple[float, ...] = (0.5,) * 3, dtype: str = "float32", lane: str | None = "vmap",
    **options: Any,
) -> Program:  # fmt: skip
    """What `sweep_step` compiles: a network of `models.MODELS` with its knobs, at `rates` rates.

    Args:
        name: of the network; `options` are its own, such as norm="batch".
        rates: how many learning rates.
        batch: images a step.
        optimizer, loss: by the names of their tables.
        mean, std: of the pixels in [0, 1], per channel, that images are normalised by.
        dtype: of the computation.
        lane: "vmap" = all rates side by side, "map" = one after another inside the program, None =
            as the committed table has it for this device.

    Returns: what selects compiled code; the same arguments give the same program.

    Raises: UserError: an unknown network, knob, optimizer, loss or lane.

    >>> sweep_program("vgg_a", 4, norm="batch").members
    4
    """
    if lane not in (*LANES, None):
        raise unknown("lane", str(lane), LANES)
    setup.prepare()
    resolve.options_of("optimizer", optimizer, optim.OPTIMIZERS, {})
    resolve.options_of("loss", loss, losses.LOSSES, {})
    known = resolve.model_options(name, options)
    knobs = {k: v for k, v in known.items() if k not in models.MODELS[name].traced}
    backend, kind = jax.default_backend(), jax.devices()[0].device_kind
    program = Program(
        model=name, options=tuple(sorted(knobs.items())), optimizer=optimizer,
        accumulation="reset", loss=loss, average="none",
        augment=(), mean=mean, std=std, batch=batch, shared_batch=True, record=(), dtype=dtype,
        lowering=lanes.lowering_on(backend), lane="vmap", members=rates,
        devices=1, segment=1,
    )  # fmt: skip
    return program._replace(lane=lane or lanes.choose(program, backend, kind))


def default_numbers(program: Program, seed: int = 0) -> Numbers:
    """The numbers of all tables' defaults, no clipping, one seed: the same for every rate.

    Args:
        program: from `sweep_program`.
        seed: of the first weights.

    Returns: leaves of (R,), to be varied by rate where wanted.

    >>> numbers = default_numbers(sweep_program("vgg_a", 4, optimizer="sgd"))
    >>> numbers = numbers._replace(clip=np.full(4, 1.0, np.float32))
    """
    m, spec = program.members, models.MODELS[program.model]

    def column(value: float) -> np.ndarray:
        return np.full(m, value, np.float32)

    seeds = np.full(m, seed, np.int32)
    return Numbers(
        optim={k: column(v) for k, v in optim.OPTIMIZERS[program.optimizer].options.items()},
        loss={k: column(v) for k, v in losses.LOSSES[program.loss].options.items()},
        model={k: column(spec.options[k]) for k in spec.traced},
        average={}, augment={}, l1=column(0.0), clip=column(np.inf),
        init_seed=seeds, order_seed=seeds, augment_seed=seeds,
    )  # fmt: skip


@switches.fixed(switches.DRAWS)
def init_states(program: Program, seed: int = 0) -> TrainState:
    """States that all start at the same weights, one for each rate.

    Args:
        program: from `sweep_program`.
        seed: of the weights.

    Returns: what `sweep_step` takes, on the device: every leaf is (R, ...).

    >>> states = init_states(sweep_program("vgg_a", 4, norm="batch"))
    """
    return programs.init_state(program, default_numbers(program, seed))


@cache
def _compiled(program: Program) -> Any:
    """The segment that a run of such a population takes its steps by, and the band over it."""
    segment = programs.make_segment(program)

    def steps(*args: Any) -> tuple[TrainState, jax.Array, StepBand]:
        states, records = segment(*args)
        return states, records["loss"], band(records["loss"])

    return jax.jit(steps, donate_argnums=0)


@switches.fixed(switches.DRAWS)
def sweep_steps(
    states: TrainState, batches: Images, lrs: jax.Array, *, program: Program,
    numbers: Numbers | None = None, step: int = 0, seed: int = 0,
) -> tuple[TrainState, jax.Array, StepBand]:  # fmt: skip
    """Training steps at every learning rate at once, and the loss band they span at each.

    All rates see the same batches, one a step; one executable takes all S steps of all rates, as in
    a run, and the envelopes.

    Args:
        states: (R, ...) from `init_states` or the last call; donated.
        batches: (S, B, 32, 32, 3) uint8 images and (S, B) labels 0..9.
        lrs: (R,) learning rates, or (R, S) of each step.
        program: from `sweep_program`; B must be its batch.
        numbers: (R,) weight decays, momenta, ...; None = the tables' defaults.
        step: steps taken so far; dropout draws follow from it and `seed`.

    Returns: the new states, (R, S) mean losses of the minibatches in nats, and their (S,) band.

    Raises: UserError: other rates, states, images or labels than the program is for.

    >>> program = sweep_program("vgg_a", 2, norm="batch")
    >>> batches = Images(images.reshape(5, 128, 32, 32, 3), labels.reshape(5, 128))
    >>> states, losses, band = sweep_steps(
    ...     init_states(program), batches, [1e-3, 2e-3], program=program
    ... )
    """
    rates = np.asarray(lrs, np.float32)
    rates = rates[:, None] if rates.ndim == 1 else rates
    numbers = default_numbers(program, seed) if numbers is None else numbers
    _check(program, states, batches, rates, numbers)
    count = len(batches.images)
    images = jnp.reshape(batches.images, (-1, *batches.images.shape[2:]))
    labels = jnp.reshape(batches.labels, (-1,)).astype(jnp.int32)
    return _compiled(program._replace(segment=count))(
        states, numbers, np.broadcast_to(rates, (program.members, count)),
        Stream(jnp.arange(len(labels), dtype=jnp.int32), jnp.int32(seed), {}),
        Images(images, labels), programs.span(step, step + count, 0),
    )  # fmt: skip


def sweep_step(
    states: TrainState, batch: Images, lrs: jax.Array, *, program: Program,
    numbers: Numbers | None = None, step: int = 0, seed: int = 0,
) -> tuple[TrainState, jax.Array, StepBand]:  # fmt: skip
    """One training step at every learning rate at once, and the loss band it spans.

    All rates see the same batch; one executable updates them all and takes the envelope.

    Args:
        states: (R, ...) from `init_states` or the last call; donated.
        batch: (B, 32, 32, 3) uint8 images and (B,) labels 0..9.
        lrs: (R,) learning rates.
        program: from `sweep_program`; B must be its batch.
        numbers: (R,) weight decays, momenta, ...; None = the tables' defaults.
        step: steps taken so far; dropout draws follow from it and `seed`.

    Returns: the new states, (R,) mean losses of the minibatch in nats, and their band of scalars.

    Raises: UserError: other rates, states, images or labels than the program is for.

    >>> program = sweep_program("vgg_a", 4, norm="batch")
    >>> states = init_states(program)
    >>> states, losses, band = sweep_step(states, batch, [1e-4, 5e-4, 1e-3, 2e-3], program=program)
    """
    alone = Images(*(jnp.asarray(part)[None] for part in batch))
    states, losses, found = sweep_steps(
        states, alone, lrs, program=program, numbers=numbers, step=step, seed=seed
    )
    return states, losses[:, 0], StepBand(*(edge[0] for edge in found))


def _check(
    program: Program, states: TrainState, batches: Images, rates: np.ndarray, numbers: Numbers
) -> None:
    """Refuse what would be broadcast, clamped or normalised twice. Raises: UserError."""
    r, b, (images, labels) = program.members, program.batch, batches
    shape = (images.shape[0], b, *IMAGE_SHAPE)
    whole = jnp.issubdtype(labels.dtype, jnp.integer)
    if images.dtype != jnp.uint8 or images.shape != shape or not images.shape[0]:
        what = f"images are {images.dtype} {images.shape[1:]}"
        raise UserError(f"{what}\nallowed: uint8 {shape[1:]}, not normalised: the program's batch")
    if not whole or labels.shape != shape[:2]:
        what = f"labels are {labels.dtype} {labels.shape[1:]}"
        raise UserError(f"{what}\nallowed: whole numbers {shape[1:2]}, a class 0..9 an image")
    if rates.ndim != 2 or rates.shape[0] != r or rates.shape[1] not in (1, shape[0]):
        count = len(rates) if rates.ndim else "single"
        raise UserError(
            f"{count} learning rates for a program of {r}\nallowed: ({r},), one a state"
        )
    for what, tree in (("states", states), ("numbers", numbers)):
        rows = {leaf.shape[:1] for leaf in jax.tree.leaves(tree)}
        if rows != {(r,)}:
            counts = ", ".join(sorted(str(row[0]) if row else "none" for row in rows))
            raise UserError(f"{what} have {counts} rows for a program of {r} rates")
