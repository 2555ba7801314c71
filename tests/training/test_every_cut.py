"""Cut and continued at every step of three epochs, with all that remembers something: 0 ULP."""

import cli_runs
import numpy as np
import pytest
import tiny

from jaxcifar.checkpoints import snapshots
from jaxcifar.config import Stage, replace
from jaxcifar.training import engine

PLATEAU = {"schedule.name": "plateau", "schedule.patience": 0, "schedule.threshold": 0.9,
           "schedule.factor": 0.5}  # fmt: skip
SWITCH = {"optim.name": "sgd", "optim.momentum": 0.9, "optim.lr": 0.05}
RUNS = {  # what remembers something between steps -> what a continued run must find again
    "plateau, SWA, mixing, a switch of optimizers, bf16": {
        **PLATEAU, "average.name": "swa", "average.start": 0.3, "dtype": "bfloat16",
        "data.augment": ("hflip", "crop", "mix"), "optim.name": "adamw", "optim.momentum": None,
        "optim.lr": 0.003, "stages": (Stage(0.34, SWITCH),),
    },
    "plateau, EMA, carried gradients, dropout, probes": {
        **PLATEAU, "average.name": "ema", "average.decay": 0.9, "optim.accumulation": "carry",
        "optim.clip": 1.0, "model.dropout_rate": 0.3, "eval.histograms": True,
        "probe.every": "2 steps", "probe.factors": (0.5, 2.0),
    },
    "schedule-free": {"optim.name": "schedule_free_adamw", "optim.momentum": None},
    "SAM": {"optim.name": "sam", "schedule.name": "cosine"},
}  # fmt: skip
MEMBERS = ({}, {"optim.weight_decay": 1e-3})


@pytest.mark.slow
@pytest.mark.reliability("T6")
@pytest.mark.parametrize("run", RUNS)
def test_every_step_is_a_place_to_continue_from(run, tmp_path, tried):
    """Each through a checkpoint on disk; the saved ones are those of one uninterrupted run."""
    every = {"train.epochs": 3, "checkpoint.save_every": "1 steps", "eval.every": "1 steps"}
    made = tiny.make_plan(*MEMBERS, base=replace(tiny.BASE, RUNS[run] | every), segment=1)
    data, saved = tiny.images_of(made), []
    ended = tiny.run(made, data, saved=saved)
    assert [int(snapshot.cursor.step) for snapshot in saved] == list(range(1, made.n_step + 1))
    assert np.isfinite(ended.book.steps["loss"]).all()
    for snapshot in saved:
        folder = tmp_path / str(snapshot.cursor.step)
        snapshots.save(folder, snapshot)
        found = snapshots.find(folder)
        back = snapshots.restore(found, engine.blank(made, found.cursor.phase))
        tiny.assert_same_bits(tiny.run(made, data, back), ended)
    tried(len(saved))


LANES = """
import jax, numpy as np, tiny
from jaxcifar.config import replace
from programs.test_population import _double

base = replace(tiny.BASE, {
    "train.epochs": 7, "eval.every": "7 epochs", "data.augment": (), "average.name": "ema",
    "checkpoint.save_every": "4 steps",
})

def plan_of(**changes):
    made = tiny.make_plan({"optim.lr": 0.01}, {"optim.lr": 0.02}, base=base, dtype="float64",
                          **changes)
    phases = tuple(phase._replace(numbers=_double(phase.numbers)) for phase in made.phases)
    return made._replace(phases=phases)

saved = []
with jax.enable_x64(True):
    whole = tiny.run(plan_of(lane="vmap"), saved=saved)
    cut = saved[1]
    assert cut.cursor.step == 8
    others = [plan_of(lane="map"), plan_of(lane="map", devices=2)]
    assert others[1].phases[0].program.devices == 2
    for other in others:
        ended = tiny.run(other, snapshot=cut)
        np.testing.assert_array_equal(whole.book.steps["examples"], ended.book.steps["examples"])
        a, b = (run.book.steps["loss"][:, :20] for run in (whole, ended))
        np.testing.assert_allclose(a, b, rtol=1e-9)
        for one, two in zip(tiny.leaves(whole.state.params), tiny.leaves(ended.state.params)):
            np.testing.assert_allclose(one, two, rtol=0, atol=1e-9)
"""


@pytest.mark.slow
@pytest.mark.reliability("T7")
def test_continued_in_another_lane_and_on_two_devices():
    """float64 within 1e-9 after 20 steps, the draws the same."""
    cli_runs.python(LANES, XLA_FLAGS="--xla_force_host_platform_device_count=2")


LEAKS = """
import gc, tiny
from pathlib import Path
from jaxcifar.config import replace
from jaxcifar.core import host_memory

host_memory.keep_memory()
base = replace(tiny.BASE, {"train.epochs": 667, "eval.every": "667 epochs"})
made = tiny.make_plan(base=base)
assert made.n_step >= 2000
data = tiny.images_of(made)

def resident():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096

tiny.run(made, data)  # compiles, and fills pools
before = resident()
for _ in range(3):
    tiny.run(made, data)
grown = resident() - before
print(f"{grown / 2**20:.2f} MiB after 3 x {made.n_step} steps")
assert grown <= 2 * 2**20, grown
"""


@pytest.mark.slow
@pytest.mark.reliability("T21")
def test_steps_leave_no_memory_behind(tried):
    """Host memory of a process grows by no more than 2 MiB over three runs of 2,000 steps."""
    cli_runs.python(LEAKS)
    tried(3)
