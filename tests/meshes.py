"""Populations on meshes of 8 host devices, in a process that has them: run as a script."""

import re
import sys
from functools import partial

import jax
import numpy as np
import tiny

from jaxcifar import programs
from jaxcifar.config import replace
from jaxcifar.core.types import Images
from jaxcifar.training import engine

COLLECTIVES = re.compile(r"= \S+ (all-reduce|all-gather|all-to-all|collective-\w+|reduce-scatter)")
ALONG_DATA = (
    "replica_groups={{0,1,2,3},{4,5,6,7}}", "replica_groups=[2,4]<=[8]",
    "replica_groups=mesh['member'=2,'data'=4] {'data'}",
)  # fmt: skip
"""How versions of XLA write that only the devices of a mesh's row add up."""

BASE = replace(
    tiny.BASE,
    {"train.batch_size": 12, "train.epochs": 5, "eval.every": "5 epochs", "average.name": "ema",
     "checkpoint.save_every": "3 epochs", "data.augment": ("hflip", "crop", "mix"),
     "train.record": ("last_layer_grad",), "loss.smoothing": 0.1},
)  # fmt: skip
ROWS = [{"optim.lr": 0.01 * (m + 1), "seed": m, "model.dropout_rate": 0.1 * m} for m in range(3)]
N_TRAIN = 42  # 3 full batches, and one of 6 that 4 devices cannot split
N_STEP = 20


def plan(member=None, data=1, base=BASE, rows=ROWS, **changes):
    """Three members in float64 on a mesh of up to 8 devices."""
    on = replace(base, {"devices.member": member, "devices.data": data})
    made = tiny.make_plan(*rows, base=on, devices=8, n_train=N_TRAIN, dtype="float64", **changes)
    phases = (phase._replace(numbers=_widened(phase.numbers)) for phase in made.phases)
    return made._replace(phases=tuple(phases))


def _widened(numbers):
    """Numbers in float64, but for those of augmentation, whose draws are float32."""
    wide = jax.tree.map(lambda leaf: leaf.astype(np.result_type(leaf, np.float64)), numbers)
    seeds = {name: getattr(numbers, name) for name in numbers._fields if name.endswith("seed")}
    return wide._replace(augment=numbers.augment, **seeds)


def run(made, saved=None, snapshot=None):
    """Train to the end, from a snapshot on the host if one is given; the last, on the host."""
    program = made.phases[0].program
    on_host = partial(of_members, program=program)
    if snapshot is None:
        snapshot = engine.start(made)
    else:
        state, best = (programs.place(tree, program) for tree in (snapshot.state, snapshot.best))
        snapshot = tiny.host(snapshot)._replace(state=state, best=best)
    save = (lambda _: None) if saved is None else lambda found: saved.append(on_host(found))
    data = tiny.images_of(made, n_train=N_TRAIN)
    return on_host(engine.run_group(made, data, snapshot, tiny.hooks()._replace(save=save)))


def of_members(snapshot, program):
    """A snapshot as it is kept: without padding."""
    state, best = (programs.host(tree, program) for tree in (snapshot.state, snapshot.best))
    return tiny.host(snapshot._replace(state=state, best=best))


def assert_close(left, right):
    """The same draws and counts; all else, as was promised of float64, to 1e-9."""
    np.testing.assert_array_equal(left.book.steps["examples"], right.book.steps["examples"])
    for name, values in left.book.steps.items():
        assert values.shape == (3, N_STEP) and np.isfinite(values).all(), name
        rtol = 1e-6 if name == "correct" else 1e-9  # shares of mixed labels are float32
        np.testing.assert_allclose(values, right.book.steps[name], rtol=rtol, atol=1e-9)
    rows = {name: values for name, values in left.book.rows.items() if name != "seconds"}
    for name, values in rows.items():
        rtol = 1e-6 if name == "train_accuracy" else 1e-9
        np.testing.assert_allclose(values, right.book.rows[name], rtol=rtol)
    for tree in ("state", "best"):
        leaves = (tiny.leaves(getattr(each, tree)) for each in (left, right))
        for a, b in zip(*leaves, strict=True):
            assert len(a) == len(b) == 3
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def synchronised():
    """A mesh of 2 x 4 devices equals one device, and each goes on from what the other saved."""
    alone, mesh = plan(1), plan(2, 4)
    program = mesh.phases[0].program
    assert (program.devices, program.data, program.rows) == (2, 4, 4)
    saved = {"alone": [], "mesh": []}
    one = run(alone, saved["alone"])
    many = run(mesh, saved["mesh"])
    assert_close(one, many)
    assert_close(run(mesh, snapshot=saved["alone"][0]), one)
    assert_close(run(alone, snapshot=saved["mesh"][0]), one)


def members_need_no_collective():
    """Read off the compiled programs: members apart talk to nobody, parts of a batch add up."""

    def collectives(member, data):
        made = plan(member, data)
        phase, n_step = made.phases[0], made.phases[0].program.segment
        data = tiny.images_of(made, n_train=N_TRAIN)
        arguments = (
            engine.start(made).state, programs.place(phase.numbers, phase.program),
            programs.place(np.zeros((3, n_step)), phase.program),
            programs.stream_of(phase, 0), data.train,
            programs.replicate(programs.span(0, 1, 0), phase.program),
        )  # fmt: skip
        text = programs.make_segment(phase.program).lower(*arguments).compile().as_text()
        return [line for line in text.splitlines() if COLLECTIVES.search(line)]

    assert not collectives(3, 1)
    found = collectives(2, 4)
    assert found and all(any(form in line for form in ALONG_DATA) for line in found), found[:1]


def per_shard():
    """Each half by its own statistics: the mean of the halves' gradients and running averages."""
    plain = {"train.batch_size": 12, "data.augment": (), "train.epochs": 1, "average.name": "none",
             "optim.momentum": 0.0, "eval.every": "1 epoch", "loss.smoothing": 0.0}  # fmt: skip
    base = replace(BASE, {**plain, "train.record": ()})
    rows = [{"optim.lr": 0.1}]
    on = replace(base, {"devices.data": 2, "devices.batch_norm": "per_shard"})
    made = plan(1, 2, base=on, rows=rows)
    phase, train = made.phases[0], tiny.images_of(made, n_train=N_TRAIN).train
    state, numbers = engine.start(made).state, phase.numbers
    before, one = jax.tree.map(np.array, state), jax.tree.map(lambda leaf: leaf[0], numbers)
    order = np.asarray(programs.stream_of(phase, 0).order)[:12]
    rates = programs.place(np.full((1, phase.program.segment), 0.1), phase.program)
    after, _ = programs.make_segment(phase.program)(
        state, programs.place(numbers, phase.program), rates, programs.stream_of(phase, 0), train,
        programs.replicate(programs.span(0, 1, 0), phase.program),
    )  # fmt: skip
    parts = programs.bind(phase.program)
    weights = jax.tree.map(lambda leaf: leaf[0], (before.params, before.batch_stats))

    def half(rows):
        pixels, labels = (np.asarray(leaf)[rows] for leaf in train)
        loss = partial(
            programs.loss_fn, batch_stats=weights[1], images=parts.normalise(pixels), labels=labels,
            pairing=None, key=jax.random.key(0), numbers=one, parts=parts,
        )  # fmt: skip
        (_, (_, statistics)), gradient = jax.value_and_grad(loss, has_aux=True)(weights[0])
        return gradient, statistics

    halves = [half(order[:6]), half(order[6:])]
    gradient, statistics = jax.tree.map(lambda a, b: (a + b) / 2, *halves)
    params = jax.tree.map(lambda w, g: w - 0.1 * g, weights[0], gradient)
    close = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-11)
    jax.tree.map(lambda a, b: close(a[0], b), after.params, params)
    jax.tree.map(lambda a, b: close(a[0], b), after.batch_stats, statistics)


if __name__ == "__main__":
    jax.config.update("jax_disable_most_optimizations", True)
    assert jax.device_count() == 8 and isinstance(Images, type)
    with jax.enable_x64(True):
        globals()[sys.argv[1]]()
