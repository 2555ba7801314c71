"""The path of training in its principal plane: by NumPy's own decomposition, and of a run."""

import numpy as np
import pytest

from jaxcifar import landscape
from jaxcifar.core.errors import UserError
from jaxcifar.landscape import objective
from jaxcifar.landscape.directions import named_leaves
from jaxcifar.landscape.trajectory import principal_plane


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def tree(flat):
    return {"a": np.float32(flat[:12]).reshape(3, 4), "b": np.float32(flat[12:])}


def flat(made):
    return np.concatenate([np.float64(leaf).ravel() for leaf in named_leaves(made).values()])


PATH = np.cumsum(normal(7, 20), axis=0)
ORIGIN = PATH[-1]


def plane():
    return principal_plane(tree(ORIGIN), [tree(at) for at in PATH])


def test_the_plane_is_that_of_numpy_s_singular_vectors():
    found = plane()
    moves = np.float64(PATH) - ORIGIN
    _, values, vectors = np.linalg.svd(moves - moves.mean(0), full_matrices=False)
    np.testing.assert_allclose(found.explained, values[:2] ** 2 / (values**2).sum(), rtol=1e-5)
    for axis, wanted, places in zip(found.directions, vectors, found.path.T, strict=False):
        assert abs(flat(axis) @ wanted) == pytest.approx(1, rel=1e-5)
        np.testing.assert_allclose(places, moves @ flat(axis), rtol=1e-4, atol=1e-4)
        assert places[0] >= 0 and places[-1] == pytest.approx(0, abs=1e-5)
    assert flat(found.directions[0]) @ flat(found.directions[1]) == pytest.approx(0, abs=1e-5)


LINE = np.linspace(0, 1, 5)[:, None] * normal(1, 20)
FEW = {
    "none": ([], "a path of 0 checkpoints"),
    "one": (PATH[:1], "a path of 1 checkpoint\n"),
    "two": (PATH[:2], "a path of 2 checkpoints"),
    "on a line": (LINE, "span no plane"),
    "at one point": (np.ones((4, 20)), "span no plane"),
}


@pytest.mark.parametrize(("path", "said"), FEW.values(), ids=FEW)
def test_a_path_that_spans_no_plane_is_refused(path, said):
    with pytest.raises(UserError, match=said):
        principal_plane(tree(ORIGIN), [tree(at) for at in path])


def test_weights_of_another_network_are_no_path():
    with pytest.raises(UserError, match="of another network"):
        principal_plane(tree(ORIGIN), [{"a": np.zeros((3, 4))}] * 3)


def test_the_loss_over_the_plane_is_its_closed_form():
    mine = objective.of_loss(
        lambda w, scale: scale * ((w["a"] ** 2).sum() + (w["b"] ** 2).sum()), tree(ORIGIN),
        np.ones(2, np.float32),
    )  # fmt: skip
    found = landscape.trajectory(mine, weights=[tree(at) for at in PATH], resolution=5, margin=0.5)
    first, second = (flat(axis) for axis in plane().directions)
    for i, a in enumerate(found.a):
        for j, b in enumerate(found.b):
            wanted = ((np.float64(ORIGIN) + a * first + b * second) ** 2).sum()
            assert found.loss[i, j] == pytest.approx(wanted, rel=1e-4)
    low, high = found.path.min(0), found.path.max(0)
    for axis, k in ((found.a, 0), (found.b, 1)):
        ends = [min(low[k], 0), max(high[k], 0)]
        room = 0.5 * (ends[1] - ends[0])
        np.testing.assert_allclose(axis[[0, -1]], [ends[0] - room, ends[1] + room])


def test_the_plane_holds_the_weights_it_is_seen_from_and_the_path():
    """Also where the path does not end there, as seen from a run's best weights."""
    beyond = tree(PATH[-1] + 3 * (PATH[-1] - PATH[0]))
    mine = objective.of_loss(lambda w, x: x * w["a"].sum(), beyond, np.ones(1))
    found = landscape.trajectory(mine, weights=[tree(at) for at in PATH], resolution=3)
    for axis, places in zip((found.a, found.b), found.path.T, strict=True):
        assert axis[0] < min(0, places.min()) and axis[-1] > max(0, places.max())
    assert np.abs(found.path[:, 0]).min() > 1, "the weights are not on the path"


def test_the_path_of_a_run_is_of_its_kept_checkpoints(trained):
    found = landscape.trajectory(trained.workdir, "b", resolution=3, split="test")
    assert found.steps.tolist() == [2, 4, 6] and found.path.shape == (3, 2)
    np.testing.assert_allclose(found.path[-1], 0, atol=1e-6)
    assert 0 < found.explained[1] < found.explained[0] and found.explained.sum() == pytest.approx(1)
    assert found.units.keys() == {"a", "b", "loss", "accuracy", "path", "steps", "explained"}


REFUSED = {
    "a margin": ({"margin": -0.1}, "a margin of -0.1"),
    "no margin": ({"margin": float("nan")}, "a margin of nan"),
    "no points": ({"resolution": 0}, "a resolution of 0"),
    "weights of a run": ({"weights": [1]}, "weights are of an objective"),
    "a step": ({"which": "step:3"}, "no checkpoint of step 3"),
}


@pytest.mark.parametrize(("given", "said"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_trajectory_is_refused(trained, given, said):
    with pytest.raises(UserError, match=said):
        landscape.trajectory(trained.workdir, "a", **{"resolution": 3} | given)
