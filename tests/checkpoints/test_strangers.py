"""A checkpoint of another network, optimizer, precision or population is refused by its leaf."""

import jax
import numpy as np
import pytest
import tiny
from made_snapshot import made

from jaxcifar.checkpoints import snapshots
from jaxcifar.config import replace
from jaxcifar.core.errors import UserError
from jaxcifar.training import engine

ADAM = {"optim.name": "adam", "optim.momentum": None}
OTHERS = {  # what is asked for instead of the tiny run of two members -> a leaf with both shapes
    "wider": ({"model.filters": (4, 4, 8)}, 2, "best/.* is .* there, .* here"),
    "another network": ({"model.name": "conv_encoder", "model.filters": None}, 2, "missing here"),
    "another optimizer": (ADAM, 2, "state/opt_state.* missing there|missing here"),
    "one with an average": ({"average.name": "ema"}, 2, "average.* missing there"),
    "more members": ({}, 3, r"\(2, .* there, \(3, .* here"),
    "fewer members": ({}, 1, r"\(2, .* there, \(1, .* here"),
    "double precision": ({}, 2, "float32 there, .* float64 here"),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    snapshots.save(folder, tiny.host(engine.start(tiny.make_plan({}, {}))))
    return snapshots.find(folder)


def as_float64(leaf):
    return jax.ShapeDtypeStruct(leaf.shape, np.float64) if leaf.dtype == np.float32 else leaf


@pytest.mark.reliability("T5")
@pytest.mark.parametrize("other", OTHERS)
def test_it_is_refused_by_its_first_leaf(found, other):
    changes, members, words = OTHERS[other]
    made_for = tiny.make_plan(*[{}] * members, base=replace(tiny.BASE, changes))
    like = engine.blank(made_for, 0)
    if other == "double precision":
        like = like._replace(state=jax.tree.map(as_float64, like.state))
    with pytest.raises(UserError, match=words) as error:
        snapshots.restore(found, like)
    assert str(found.folder) in str(error.value) and len(str(error.value).splitlines()) <= 3


def test_its_own_is_taken(found):
    snapshots.restore(found, engine.blank(tiny.make_plan({}, {}), 0))


@pytest.mark.parametrize("there, here, said", [
    ({}, {}, ""), ({"a": 1}, {"a": 1}, ""), ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "b is 2 there, 3"),
    ({"a": 1}, {}, "a is 1 there, missing here"), ({}, {"c": 1, "b": 1}, "b is missing there, 1"),
])  # fmt: skip
def test_the_first_difference_by_name(there, here, said):
    assert snapshots.first_difference(there, here).startswith(said)
    assert bool(snapshots.first_difference(there, here)) == bool(said)


def test_a_book_of_fewer_steps_is_no_stranger(tmp_path):
    """As of a run that goes on for more epochs."""
    snapshot = made()
    snapshots.save(tmp_path, snapshot)
    longer = {name: np.zeros((1, 5), np.uint32) for name in snapshot.book.steps}
    like = snapshot._replace(book=snapshot.book._replace(steps=longer))
    back = snapshots.restore(snapshots.find(tmp_path), like)
    assert back.book.steps["examples"].shape == (1, 2)
