"""A population's promises: numbers never compile, and its rows are its members alone."""

import cli_runs
import jax
import numpy as np
import pytest
import tiny
from compiles import Compiles

from jaxcifar import programs
from jaxcifar.config import replace
from jaxcifar.programs import states

NUMBERS = {
    "optim.lr": 0.02, "seed": 7, "optim.weight_decay": 1e-3, "optim.momentum": 0.5,
    "loss.smoothing": 0.1, "loss.l1": 1e-4, "model.dropout_rate": 0.3, "optim.clip": 1.0,
    "schedule.name": "cosine", "schedule.warmup": 0.5,
}  # fmt: skip


@pytest.mark.parametrize("m", [1, pytest.param(8, marks=pytest.mark.slow)])
def test_numbers_and_schedules_compile_nothing_new(m):
    """A population of other rates, seeds, decays, ... and schedules runs the same executables."""
    rates = [0.001 * i for i in range(1, m + 1)]
    plain = tiny.make_plan(*({"optim.lr": lr} for lr in rates), n_train=32)
    other = tiny.make_plan(*({**NUMBERS, "optim.lr": 2 * lr} for lr in rates), n_train=32)
    data = tiny.images_of(plain, n_train=32)
    assert plain.phases[0].program == other.phases[0].program
    programs.make_segment.cache_clear()  # another test may have trained such a population
    with Compiles() as first:
        before = tiny.run(plain, data)
    with Compiles() as second:
        after = tiny.run(other, data)
    assert first.of("segment") == 1, first.names
    assert second.names == []
    assert (before.book.steps["loss"] != after.book.steps["loss"]).any()
    assert len(set(after.book.steps["lr"][0])) == 2, "the cosine moved"


def _double(tree):
    """A tree whose floating leaves are float64."""

    def widen(leaf):
        return leaf.astype(np.float64) if leaf.dtype == np.float32 else leaf

    return jax.tree.map(widen, tree)


def _run64(*overrides, **changes):
    base = replace(tiny.BASE, {"train.epochs": 7, "eval.every": "7 epochs", "data.augment": (),
                               "average.name": "ema"})  # fmt: skip
    made = tiny.make_plan(*overrides, base=base, dtype="float64", **changes)
    phases = tuple(phase._replace(numbers=_double(phase.numbers)) for phase in made.phases)
    return tiny.run(made._replace(phases=phases))


@pytest.mark.reliability("T7")
@pytest.mark.slow
def test_float64_population_equals_its_members_alone_and_in_the_other_lane():
    """<= 1e-9 after 20 steps, draws identical; float32 drifts and is promised only step 1."""
    rows = (
        {"optim.lr": 0.01, "model.dropout_rate": 0.2, "average.decay": 0.9},
        {"optim.lr": 0.02, "seed": 5, "average.decay": 0.5},
    )
    with jax.enable_x64(True):
        both = _run64(*rows)
        other = _run64(*rows, lane="map")
        alone = [_run64(row) for row in rows]
    for m, single in enumerate(alone):
        for run, r in ((other, m), (single, 0)):
            np.testing.assert_array_equal(
                both.book.steps["examples"][m], run.book.steps["examples"][r]
            )
            np.testing.assert_allclose(
                both.book.steps["loss"][m, :21], run.book.steps["loss"][r, :21], rtol=1e-9
            )
            for a, b in zip(*(tiny.leaves(tree.state.average.params) for tree in (both, run)),
                            strict=True):  # fmt: skip
                np.testing.assert_allclose(a[m], b[r], rtol=0, atol=1e-9)


SHARDED = """
import numpy as np, tiny
one = tiny.run(tiny.make_plan({"optim.lr": 0.01}, {"optim.lr": 0.03}, lane="map"))
plan = tiny.make_plan({"optim.lr": 0.01}, {"optim.lr": 0.03}, devices=2, lane="map")
assert plan.phases[0].program.devices == 2
two = tiny.run(plan)
np.testing.assert_array_equal(one.book.steps["examples"], two.book.steps["examples"])
np.testing.assert_allclose(one.book.steps["loss"][:, 0], two.book.steps["loss"][:, 0], rtol=1e-5)
from jaxcifar.training import engine
import jax
program = plan.phases[0].program
state = engine.start(plan).state
leaf = jax.tree.leaves(state.params)[0]
assert len({shard.device for shard in leaf.addressable_shards}) == 2
"""


@pytest.mark.reliability("T7")
@pytest.mark.slow
def test_members_spread_over_two_devices():
    """Two fake CPU devices, in a process of their own."""
    cli_runs.python(SHARDED, XLA_FLAGS="--xla_force_host_platform_device_count=2")


@pytest.mark.parametrize("there", [True, False])
def test_the_host_draws_first_weights_where_jax_has_it(there, monkeypatch):
    phase, seen, make = tiny.make_plan().phases[0], [], states._make_init
    expected = programs.first_weights(phase.program, phase.numbers)
    host = jax.devices("cpu")[0]

    def noting(*names):
        def init(seed):
            seen.append(jax.config.jax_default_device)
            return make(*names)(seed)

        return init

    def refuse(backend):
        raise RuntimeError("Unknown backend cpu")

    monkeypatch.setattr(states, "_make_init", noting)
    if not there:
        monkeypatch.setattr(jax, "local_devices", refuse)
    found = programs.first_weights(phase.program, phase.numbers)
    assert seen == [host if there else None]
    jax.tree.map(np.testing.assert_array_equal, found, expected)
