"""A population's first weights, its training state and its running average."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar import models, optim
from jaxcifar.core.types import Numbers, Options, Phase, Plan, Program, TrainState, Tree
from jaxcifar.optim import averaging
from jaxcifar.programs.mesh import over_members, place
from jaxcifar.programs.parts import bind, init_opt_state, init_weights, param_dtype


def weights(program: Program, state: TrainState) -> Tree:
    """The trained arrays of a state: what is scored, kept and exported."""
    params = optim.eval_params(program.optimizer, state.opt_state, state.params)
    return {"params": params, "batch_stats": state.batch_stats}


@cache
def _make_init(model: str, options: Options, dtype: str) -> Callable[[Any], dict[str, Tree]]:
    """(seed) -> one member's first weights. One program for every population of a network.

    The library's convolution traces fastest, and none of it is computed: only draws are.
    """
    made = models.make_model(model, dtype=dtype, lowering="library", **dict(options))
    return jax.jit(partial(init_weights, model=made, param_dtype=param_dtype(dtype)))


def init_state(
    program: Program, numbers: Numbers, given: Mapping[int, Tree] = MappingProxyType({})
) -> TrainState:
    """The population's state before its first step, with the weights of `first_weights`."""
    weights = place(first_weights(program, numbers, given), program)
    opt_state = fresh_opt_state(program, weights["params"], place(numbers, program))
    fresh = _fresh(program, weights["params"])
    # Donated beside the parameters, so that it needs arrays of its own.
    fresh["average"] = jax.tree.map(lambda leaf: leaf.copy(), fresh["average"])
    return TrainState(**weights, opt_state=opt_state, **place(fresh, program))


def first_weights(
    program: Program, numbers: Numbers, given: Mapping[int, Tree] = MappingProxyType({})
) -> Tree:
    """{"params", "batch_stats"} before the first step, NumPy (M, ...); equal seeds start alike.

    `given` has weights for some rows, NumPy, in place of those that their seeds would draw. The
    host draws: to the same bits whatever will train them, and a GPU's compiler takes many times as
    long for the generators.
    """
    init = _make_init(program.model, program.options, program.dtype)
    seeds, member = np.unique(np.asarray(numbers.init_seed), return_inverse=True)
    with jax.default_device(_host()):
        drawn = [jax.tree.map(np.asarray, init(seed)) for seed in seeds]
    rows = [given.get(m, drawn[seed]) for m, seed in enumerate(member)]
    return jax.tree.map(lambda first, *rest: np.stack([first, *rest], dtype=first.dtype), *rows)


def _host() -> jax.Device | None:
    """The host as a device; None, for JAX's default one, where ``JAX_PLATFORMS`` leaves it out."""
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:
        return None


def fresh_opt_state(program: Program, params: Tree, numbers: Numbers) -> Tree:
    """An optimizer state as a phase begins with, placed as a restored one is (see `place`)."""
    return place(make_opt_init(program)(params, numbers), program)


@cache
def _blank_weights(model: str, options: Options, dtype: str) -> dict[str, Tree]:
    """Shapes and dtypes of one member's weights, traced once for plans of all sizes."""
    return jax.eval_shape(_make_init(model, options, dtype), jax.ShapeDtypeStruct((), jnp.int32))


def blank(plan: Plan, phase: int) -> tuple[TrainState, Tree]:
    """Shapes and dtypes of a group's state in a phase, and of its `weights`; computes nothing."""
    now = plan.phases[phase]
    state = blank_state(plan.phases[0], now)
    return state, jax.eval_shape(partial(weights, now.program), state)


def blank_state(first: Phase, now: Phase) -> TrainState:
    """Shapes and dtypes of a population's state in phase `now` of a run that began with `first`."""
    program, m = first.program, first.program.members
    weights = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((m, *leaf.shape), leaf.dtype),
        _blank_weights(program.model, program.options, program.dtype),
    )
    alone = now.program._replace(devices=1, data=1)  # shapes do not depend on devices
    opt_state = jax.eval_shape(make_opt_init(alone), weights["params"], now.numbers)
    return TrainState(**weights, opt_state=opt_state, **_fresh(program, weights["params"]))


def _fresh(program: Program, params: Tree) -> dict[str, Any]:
    """What else a state begins with; `params` is where the average starts."""
    m = program.members
    average = averaging.Average(params, np.zeros(m, np.int32))
    return {
        "average": () if program.average == "none" else average,
        "alive": np.ones(m, bool), "bad_step": np.full(m, -1, np.int32),
    }  # fmt: skip


@cache
def make_opt_init(program: Program) -> Callable[[Tree, Numbers], Tree]:
    """(params, numbers) -> a fresh optimizer state for the population."""
    init = partial(init_opt_state, parts=bind(program))
    return jax.jit(over_members(init, program, (True, True)))


@jax.jit
def choose(better: jax.Array, new: Tree, old: Tree) -> Tree:
    """Per member: `new` where `better` (M,), else `old`."""

    def pick(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.where(better.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return jax.tree.map(pick, new, old)


@jax.jit
def extend_average(average: averaging.Average, params: Tree, alive: jax.Array) -> averaging.Average:
    """The plain mean of the weights with one more, for each member that is `alive` (M,)."""
    return choose(alive, jax.vmap(averaging.extend)(average, params), average)
