"""Every optimizer whose state is not plain moments, through the engine and its checkpoints."""

import jax
import numpy as np
import pytest
import tiny

from jaxcifar import programs
from jaxcifar.checkpoints import snapshots
from jaxcifar.config import replace
from jaxcifar.training import engine

RUNS = {
    "schedule_free": {"optim.name": "schedule_free_adamw", "optim.momentum": None},
    "muon": {"optim.name": "muon"},
    "sam": {"optim.name": "sam", "optim.rho": 0.1, "optim.clip": 1.0},
    "carry": {"optim.accumulation": "carry", "optim.clip": 1.0},
}


@pytest.mark.slow
@pytest.mark.parametrize("name, lane", [*((name, "vmap") for name in RUNS), ("carry", "map")])
def test_a_run_cut_at_a_checkpoint_gives_the_bits_of_the_whole(name, lane, tmp_path):
    base, saved = replace(tiny.BASE, RUNS[name]), []
    made = tiny.make_plan({"optim.lr": 0.01}, {"optim.lr": 0.003}, base=base, n_train=32, lane=lane)
    data = tiny.images_of(made, n_train=32)
    whole = tiny.run(made, data, saved=saved)
    loss = whole.book.steps["loss"]
    assert np.isfinite(loss).all() and (loss[0, 1:] != loss[1, 1:]).all()
    scored = programs.weights(made.phases[0].program, saved[0].state)
    folder = snapshots.save(tmp_path, saved[0], scored)
    tiny.assert_same_bits(snapshots.read_weights(folder)["last"], scored)
    assert (folder / "trained").exists() == (name == "schedule_free")
    back = snapshots.restore(snapshots.find(tmp_path), engine.blank(made, 0))
    assert jax.tree.structure(back) == jax.tree.structure(saved[0])
    tiny.assert_same_bits(tiny.run(made, data, back), whole)
