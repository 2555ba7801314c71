"""The BatchNorm loss landscape in one pass: one step of one network at many learning rates."""

from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar import losses, models, optim, programs
from jaxcifar.core.types import Images, Numbers, Program, TrainState
from jaxcifar.planning import lanes, resolve
from jaxcifar.programs.train_step import train_step


class Band(NamedTuple):
    """Envelope of the training loss over learning rates at one step, in nats, float32 scalars.

    Members that diverged are left out; NaN where none is left.
    """

    lower: jax.Array
    upper: jax.Array
    mean: jax.Array


def band(losses: jax.Array) -> Band:
    """The envelope over the first axis of (R, ...) losses (after arXiv:1805.11604)."""
    finite = jnp.isfinite(losses)
    count = finite.sum(axis=0)
    nothing = count == 0
    lower = jnp.where(finite, losses, jnp.inf).min(axis=0)
    upper = jnp.where(finite, losses, -jnp.inf).max(axis=0)
    mean = jnp.where(finite, losses, 0).sum(axis=0) / jnp.maximum(count, 1)
    return Band(*(jnp.where(nothing, jnp.nan, edge) for edge in (lower, upper, mean)))


def sweep_program(
    name: str, rates: int, *, batch: int = 128, optimizer: str = "adam",
    loss: str = "cross_entropy", mean: tuple[float, ...] = (0.5,) * 3,
    std: tuple[float, ...] = (0.5,) * 3, dtype: str = "float32", **options: Any,
) -> Program:  # fmt: skip
    """What `sweep_step` compiles: a network of `models.MODELS` with its knobs, at `rates` rates.

    Raises: UserError: an unknown network, knob, optimizer or loss.

    >>> sweep_program("vgg_a", 4, norm="batch").members
    4
    """
    resolve.options_of("optimizer", optimizer, optim.OPTIMIZERS, {})
    resolve.options_of("loss", loss, losses.LOSSES, {})
    known = resolve.model_options(name, options)
    knobs = {k: v for k, v in known.items() if k not in models.MODELS[name].traced}
    program = Program(
        model=name, options=tuple(sorted(knobs.items())), optimizer=optimizer,
        accumulation="reset", loss=loss, average="none",
        augment=(), mean=mean, std=std, batch=batch, shared_batch=True, record=(), dtype=dtype,
        lowering=lanes.lowering_on(jax.default_backend()), lane="vmap", members=rates,
        devices=1, segment=1,
    )  # fmt: skip
    device_kind = jax.devices()[0].device_kind
    return program._replace(lane=lanes.choose(program, jax.default_backend(), device_kind))


def default_numbers(program: Program, seed: int = 0) -> Numbers:
    """The numbers of all tables' defaults, no clipping, one seed: the same for every rate."""
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


def init_states(program: Program, seed: int = 0) -> TrainState:
    """States (R, ...) that all start at the same weights, one for each rate."""
    return programs.init_state(program, default_numbers(program, seed))


@cache
def _compiled(program: Program) -> Any:
    member = partial(train_step, parts=programs.bind(program))
    population = programs.over_members(member, program, (True, True, True, False, False, False))

    def step(*args: Any) -> tuple[TrainState, jax.Array, Band]:
        states, record = population(*args)
        return states, record["loss"], band(record["loss"])

    return jax.jit(step, donate_argnums=0)


def sweep_step(
    states: TrainState, batch: Images, lrs: jax.Array, *, program: Program,
    numbers: Numbers | None = None, step: int = 0, seed: int = 0,
) -> tuple[TrainState, jax.Array, Band]:  # fmt: skip
    """One training step at every learning rate at once, and the loss band it spans.

    All rates see the same batch; one executable updates them all and takes the envelope.

    Args:
        states: (R, ...) from `init_states` or the last call; donated.
        batch: (B, 32, 32, 3) uint8 images and (B,) labels 0..9.
        lrs: (R,) learning rates, float32.
        program: from `sweep_program`; B must be its batch.
        numbers: (R,) weight decays, momenta, ...; None = the tables' defaults.
        step: steps taken so far; dropout draws follow from it and `seed`.

    Returns: the new states, (R,) mean losses of the minibatch in nats, and their band.
    """
    numbers = default_numbers(program, seed) if numbers is None else numbers
    return _compiled(program)(
        states, numbers, jnp.asarray(lrs, jnp.float32), batch, np.int32(step), np.int32(seed)
    )
