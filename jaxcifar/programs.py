"""Compiled programs of a population: initialise, order, segment. One of each per Program."""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache, partial
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxcifar import averaging, models, steps
from jaxcifar.keys import Purpose, key_at
from jaxcifar.types import Images, Numbers, Options, Phase, Program, Stream, TrainState, Tree

Lane = Callable[..., Any]


@cache
def mesh_of(devices: int) -> Mesh:
    """The mesh whose axis "member" spans the first `devices` devices."""
    return jax.make_mesh(
        (devices,), ("member",), axis_types=(AxisType.Auto,), devices=jax.devices()[:devices]
    )


def place(tree: Tree, program: Program) -> Tree:
    """Put a population's arrays where its programs expect them (else they compile twice)."""
    return jax.device_put(tree, NamedSharding(mesh_of(program.devices), P("member")))


def replicate(tree: Tree, program: Program) -> Tree:
    """Put arrays that all members share on every device of the program."""
    return jax.device_put(tree, NamedSharding(mesh_of(program.devices), P()))


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
        lane, mesh=mesh_of(program.devices), in_specs=specs, out_specs=P("member"), check_vma=False
    )


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


@cache
def _make_init(model: str, options: Options, dtype: str) -> Callable[[Any], dict[str, Tree]]:
    """(seed) -> one member's first weights. One program for every population of a network.

    The library's convolution traces fastest, and none of it is computed: only draws are.
    """
    made = models.make_model(model, dtype=dtype, lowering="library", **dict(options))
    param_dtype = steps.param_dtype(dtype)
    return jax.jit(partial(steps.init_weights, model=made, param_dtype=param_dtype))


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


def blank_state(first: Phase, now: Phase) -> TrainState:
    """Shapes and dtypes of a population's state in phase `now` of a run that began with `first`."""
    program, m = first.program, first.program.members
    weights = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((m, *leaf.shape), leaf.dtype),
        _blank_weights(program.model, program.options, program.dtype),
    )
    opt_state = jax.eval_shape(make_opt_init(now.program), weights["params"], now.numbers)
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
    init = partial(steps.init_opt_state, parts=steps.bind(program))
    return jax.jit(over_members(init, program, (True, True)))


@cache
def make_order(n: int) -> Callable[[tuple[int, ...], int], jax.Array]:
    """(seeds, epoch) -> (len(seeds), n) int32: each seed's permutation of n images in that epoch.

    The last two answers are kept: an epoch has many segments, and 50,000 rows cost 25 ms on a CPU.
    """

    def order(seed: jax.Array, epoch: jax.Array) -> jax.Array:
        key = key_at(seed, Purpose.ORDER, epoch)
        return jax.random.permutation(key, n).astype(jnp.int32)

    compiled = jax.jit(jax.vmap(order, in_axes=(0, None)))
    return lru_cache(maxsize=2)(lambda seeds, epoch: compiled(np.array(seeds, np.int32), epoch))


def fingerprint(rows: jax.Array) -> jax.Array:
    """A uint32 that tells which images, in which order, made a batch (Knuth's multiplier)."""
    place_value = 2 * jnp.arange(rows.shape[0], dtype=jnp.uint32) + 1
    return ((rows.astype(jnp.uint32) + 1) * jnp.uint32(2654435761) * place_value).sum(
        dtype=jnp.uint32
    )


def images_at(
    stream: Stream, data: Images, place: jax.Array, batch: int
) -> tuple[Images, jax.Array, jax.Array]:
    """The batch at a place of an epoch's order: its images, their copies, and the visits."""
    visits = jax.lax.dynamic_slice(stream.order, (place,), (batch,))
    copy, rows = jnp.divmod(visits, data.labels.shape[0])
    return Images(data.images[rows], data.labels[rows]), copy, visits


def _member_segment(
    state: TrainState, numbers: Numbers, rates: jax.Array, stream: Stream, data: Images,
    span: jax.Array, *, parts: steps.Parts, batch: int,
) -> tuple[TrainState, dict[str, jax.Array]]:  # fmt: skip
    first, stop, row = span
    numbers = numbers._replace(augment=stream.augment)
    fields = steps.record_dtypes(parts) | {"examples": "uint32"}
    empty = {name: jnp.zeros(rates.shape, dtype) for name, dtype in fields.items()}
    train_step = jax.jit(partial(steps.train_step, parts=parts))  # `vmap` visits a loop repeatedly

    def body(step: jax.Array, carry: tuple[TrainState, dict]) -> tuple[TrainState, dict]:
        state, records = carry
        at = step - first
        images, copy, visits = images_at(stream, data, row + at * batch, batch)
        state, record = train_step(
            state, numbers, rates[at], images, step, stream.augment_seed, copy
        )
        record["examples"] = fingerprint(visits)
        return state, {name: records[name].at[at].set(record[name]) for name in fields}

    return jax.lax.fori_loop(first, stop, body, (state, empty))


@cache
def make_segment(
    program: Program,
) -> Callable[..., tuple[TrainState, dict[str, jax.Array]]]:
    """(state, numbers, rates (M, segment), stream, data, span) -> (state, records (M, segment)).

    span: int32 (3,): first step, stop step (exclusive), and the first step's place in the epoch's
    order. Both ends are traced: any cut of the steps into segments gives the same bits. The state
    is donated. Records beyond the last step taken are zero.
    """
    member = partial(_member_segment, parts=steps.bind(program), batch=program.batch)
    batched = (True, True, True, not program.shared_batch, False, False)
    return jax.jit(over_members(member, program, batched), donate_argnums=0)


@jax.jit
def take(data: Images, rows: jax.Array) -> Images:
    """The images and labels at `rows`."""
    return jax.tree.map(lambda leaf: leaf[rows], data)


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


def span(first: int, stop: int, row: int) -> np.ndarray:
    """The `span` argument of a segment."""
    return np.array([first, stop, row], np.int32)
