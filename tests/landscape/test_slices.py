"""Surfaces and lines: closed forms, bits, holes, interrupted calls, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar import landscape
from jaxcifar.core import kill_points
from jaxcifar.core.errors import UserError
from jaxcifar.landscape import directions, objective, points
from jaxcifar.records import formats, landscapes

RNG = np.random.default_rng(1)
A = RNG.normal(size=(12, 12))
A = (A + A.T).astype(np.float32)


def quadratic(params, batch):
    """``w'Aw/2`` of a matrix of weights, times what the batch says."""
    w = params["w"].ravel()
    return batch * (w @ jnp.asarray(A) @ w) / 2


def bowl(**more):
    params = {"w": np.random.default_rng(2).normal(size=(3, 4)).astype(np.float32)}
    return objective.of_loss(quadratic, params, np.ones(2, np.float32), **more)


def drawn(found, count, how="filter", seed=0):
    return [
        np.asarray(directions.normalised(directions.draw(found.params, seed, i), found.params,
                                         how)["w"], np.float64).ravel()
        for i in range(count)
    ]  # fmt: skip


def test_a_surface_of_a_quadratic_is_its_closed_form():
    mine = bowl()
    found = landscape.surface(mine, resolution=7, span=0.5, seed=2)
    d, e = drawn(mine, 2, seed=2)
    w = np.float64(mine.params["w"]).ravel()
    for i, a in enumerate(found.a):
        for j, b in enumerate(found.b):
            at = w + a * d + b * e
            assert found.loss[i, j] == pytest.approx(
                at @ np.float64(A) @ at / 2, rel=1e-4, abs=1e-4
            )
    assert (found.kind, found.accuracy, found.holes) == ("surface", None, 0)
    assert found.a[[0, 3, -1]].tolist() == [-0.5, 0, 0.5]
    assert found.about["cosine"] == pytest.approx(d @ e / np.linalg.norm(d) / np.linalg.norm(e))
    assert found.units.keys() == {"a", "b", "loss"}


def test_a_line_of_a_linear_loss_is_straight():
    mine = objective.of_loss(lambda p, x: (p["w"] * x).sum(), {"w": np.ones((3, 4), np.float32)},
                             RNG.normal(size=(2, 3, 4)).astype(np.float32))  # fmt: skip
    found = landscape.line(mine, resolution=9, low=-3, high=5)
    assert np.ptp(np.diff(found.loss)) < 1e-4 < abs(found.loss[0] - found.loss[-1])


def test_the_line_between_two_weights_ends_at_them():
    mine = bowl()
    other = {"w": RNG.normal(size=(3, 4)).astype(np.float32)}
    found = landscape.line(mine, to=other, resolution=5)
    ends = [float(quadratic(w, 1.0)) for w in (mine.params, other)]
    assert found.a.tolist() == [-0.5, 0, 0.5, 1, 1.5] and found.kind == "interpolation"
    np.testing.assert_allclose(found.loss[[1, 3]], ends, rtol=1e-5)
    assert len(landscape.line(mine, to=other).a) == 401 and len(landscape.line(mine).a) == 51


def test_batches_weigh_as_their_counts():
    params = {"w": np.zeros((2, 2), np.float32)}
    mine = objective.of_loss(lambda p, x: x, params, np.float32([1, 4]), counts=[3, 1])
    assert landscape.line(mine, resolution=2).loss.tolist() == [1.75, 1.75]


@pytest.mark.parametrize("lane", points.LANES)
def test_points_are_those_of_one_at_a_time(lane, monkeypatch):
    """Bit for bit one after another; side by side sums are taken in another order."""
    mine = bowl()
    whole = landscape.surface(mine, resolution=5, lane=lane)
    monkeypatch.setattr(points, "AT_ONCE", 1)
    single = landscape.surface(mine, resolution=5, lane=lane)
    if lane == "map":
        np.testing.assert_array_equal(whole.loss, single.loss)
    np.testing.assert_allclose(whole.loss, single.loss, rtol=1e-5, atol=1e-5)
    again = landscape.surface(mine, resolution=5, lane=lane)
    np.testing.assert_array_equal(single.loss, again.loss)


def test_side_by_side_as_many_as_the_memory_has_room_for(monkeypatch):
    mine = bowl()
    assert points.points_at_once(mine, "vmap") == points.AT_ONCE // 2
    monkeypatch.setattr(points.hardware, "limit", lambda: 5000)
    few = points.points_at_once(mine, "vmap")
    assert 1 <= few < 5000 * points.SHARE / 48, "48 bytes of weights, and what is made of them"
    assert points.points_at_once(mine, "map") == points.AT_ONCE // 2
    monkeypatch.setattr(points.hardware, "limit", lambda: 1)
    assert points.points_at_once(mine, "vmap") == 1


def test_a_point_that_overflows_is_a_hole_and_its_neighbours_are_not():
    params = {"w": np.full((2, 2), 100, np.float32)}
    mine = objective.of_loss(lambda p, x: jnp.exp(p["w"].sum() - 312), params, np.zeros(1))
    found = landscape.line(mine, resolution=21)
    holes = np.isnan(found.loss)
    assert 0 < found.holes == holes.sum() < 21 and not np.isinf(found.loss).any()
    assert holes.tolist() == sorted(holes) or holes.tolist() == sorted(holes, reverse=True)


def relu_net(params, batch):
    bias = params["one"]["bias"][None]
    hidden = jax.nn.relu(batch @ params["one"]["kernel"] + bias)
    return jnp.square(hidden @ params["two"]["kernel"]).mean()


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_filter_normalised_slices_do_not_see_the_scale_of_layers(factor):
    """A ReLU network with one layer times c and the next by 1/c is the same function."""
    params = {"one": {"kernel": RNG.normal(size=(6, 5)), "bias": RNG.normal(size=5)},
              "two": {"kernel": RNG.normal(size=(5, 3))}}  # fmt: skip
    params = jax.tree.map(np.float32, params)
    batches = RNG.normal(size=(2, 8, 6)).astype(np.float32)
    scaled = {"one": jax.tree.map(lambda w: w * np.float32(factor), params["one"]),
              "two": jax.tree.map(lambda w: w / np.float32(factor), params["two"])}  # fmt: skip
    one, other, raw = (
        landscape.surface(objective.of_loss(relu_net, tree, batches), resolution=5, normalise=how)
        for tree, how in ((params, "filter"), (scaled, "filter"), (scaled, "none"))
    )
    np.testing.assert_allclose(other.loss, one.loss, rtol=1e-4)
    assert np.abs(raw.loss / one.loss - 1).max() > 0.1


class Killed(Exception):
    pass


def killed_after(parts, monkeypatch):
    reached = []

    def reach(point):
        reached.append(point)
        if len(reached) == parts:
            raise Killed

    monkeypatch.setattr(kill_points, "reach", reach)
    return reached


def test_an_interrupted_surface_goes_on_and_gives_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(points, "AT_ONCE", 8)  # 4 points of 2 examples
    mine = bowl()
    whole = landscape.surface(mine, resolution=5, out=tmp_path / "whole")
    killed_after(3, monkeypatch)
    with pytest.raises(Killed):
        landscape.surface(mine, resolution=5, out=tmp_path / "cut")
    (path,) = (tmp_path / "cut").glob("*.npz")
    _, _, done = landscapes.read(path)
    assert done.sum() == 12
    calls = killed_after(-1, monkeypatch)
    again = landscape.surface(mine, resolution=5, out=tmp_path / "cut")
    assert len(calls) == 4, "13 points are left"
    np.testing.assert_array_equal(again.loss, whole.loss)
    assert path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes()
    landscape.surface(mine, resolution=5, out=tmp_path / "cut")
    assert len(calls) == 4, "nothing is left"


def scaled(mine):
    return mine._replace(params=jax.tree.map(lambda w: 2 * w, mine.params))


def heavier(mine):
    return mine._replace(batches=2 * mine.batches)


def cubed(mine):
    return objective.of_loss(lambda p, x: quadratic(p, x) ** 3, mine.params, mine.batches)


@pytest.mark.parametrize("change", [scaled, heavier, cubed])
def test_a_record_of_other_weights_data_or_loss_is_no_answer(tmp_path, change):
    mine, of = bowl(), {"resolution": 5, "normalise": "unit-filter"}  # alike for all weights
    first = landscape.line(mine, **of, out=tmp_path)
    other = landscape.line(change(mine), **of, out=tmp_path)
    assert (first.loss != other.loss).any()
    np.testing.assert_array_equal(other.loss, landscape.line(change(mine), **of).loss)


@pytest.mark.parametrize("more", [
    {"seed": 1}, {"normalise": "layer"}, {"resolution": 6}, {"low": -2}, {"high": 0.5},
])  # fmt: skip
def test_another_question_is_another_record(tmp_path, more):
    mine = bowl()
    landscape.line(mine, **{"resolution": 5}, out=tmp_path)
    landscape.line(mine, **{"resolution": 5} | more, out=tmp_path)
    assert len(list(tmp_path.glob("line-*.npz"))) == 2


def test_a_damaged_record_is_named(tmp_path):
    mine = bowl()
    landscape.line(mine, resolution=5, out=tmp_path)
    (path,) = tmp_path.glob("*.npz")
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UserError, match="cannot be read(.|\n)*remove it"):
        landscape.line(mine, resolution=5, out=tmp_path)


def test_records_tell_their_axes_and_units(tmp_path):
    landscape.surface(bowl(name="my own"), resolution=3, out=tmp_path)
    (path,) = tmp_path.glob("surface-*-my_own.npz")
    table = formats.read_table(path)
    assert table["members"].tolist() == ["my own"] and table["loss"].shape == (3, 3)
    assert "nats" in str(table["units"]) and table["a"].shape == table["b"].shape == (3,)


def test_saved_directions_give_the_same_surface(tmp_path):
    mine, file = bowl(), tmp_path / "d.npz"
    first = landscape.surface(mine, resolution=3, seed=5, save_directions=file)
    again = landscape.surface(mine, resolution=3, directions_from=file)
    np.testing.assert_array_equal(first.loss, again.loss)
    line = landscape.line(mine, resolution=3, directions_from=file)
    np.testing.assert_array_equal(line.loss, first.loss[:, 1])


def test_the_centre_is_the_loss_of_the_summary_to_the_last_bit(trained):
    for member in "ab":
        found = landscape.surface(trained.workdir, member, split="test", subset="all", resolution=3)
        score = trained.summary["members"][member]["test"]["best"]
        assert (found.loss[1, 1], found.accuracy[1, 1]) == (score["loss"], score["accuracy"])
        assert (trained.workdir / "landscape").is_dir() and found.about["batchnorm"]


def test_from_one_member_to_another_statistics_move_along(trained):
    of = {"split": "test", "resolution": 3, "low": 0, "high": 2}
    found = landscape.line(trained.workdir, "a", to_member="b", **of)
    losses = [trained.summary["members"][m]["test"]["best"]["loss"] for m in "ab"]
    assert found.loss[0] == losses[0] and found.loss[1] == pytest.approx(losses[1], rel=1e-4)
    first = landscape.line(trained.workdir, "a", which="step:2", to_which="step:6", **of)
    last = landscape.line(trained.workdir, "a", which="last", **of)
    assert first.loss[1] == pytest.approx(last.loss[0], rel=1e-4)
    assert first.about["to"] == "a (step:6)"


REFUSED = {
    "no points": ({"resolution": 0}, "a resolution of 0"),
    "one point": ({"resolution": 1}, "a resolution of 1"),
    "half a point": ({"resolution": 2.5}, "a resolution of 2.5"),
    "a truth": ({"resolution": True}, "a resolution of True"),
    "no span": ({"span": 0}, "a span of 0"),
    "a span of nothing": ({"span": float("nan")}, "a span of nan"),
    "an endless span": ({"span": float("inf")}, "a span of inf"),
    "words": ({"span": "1"}, "a span of '1'"),
    "a normalisation": ({"normalise": "fliter"}, "did you mean 'filter'"),
    "a seed": ({"seed": -1}, "a seed of -1"),
    "a large seed": ({"seed": 2**31}, "a seed of"),
    "a lane": ({"lane": "amp"}, "did you mean 'map'"),
    "no file": ({"directions_from": "nowhere.npz"}, "there is no file nowhere.npz"),
    "a member": ({"member": "a"}, "an objective takes no member"),
    "options of runs": ({"split": "test", "subset": 3}, "an objective takes no split, subset"),
}


@pytest.mark.parametrize(("given", "said"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_surface_is_refused(given, said):
    with pytest.raises(UserError, match=said):
        landscape.surface(bowl(), **given)


LINES = {
    "ends the wrong way": ({"low": 1, "high": -1}, "an axis from 1 to -1"),
    "no length": ({"low": 1, "high": 1}, "an axis from 1 to 1"),
    "an endless end": ({"high": float("inf")}, "an axis from -1.0 to inf"),
    "another network": ({"to": {"v": np.ones((3, 4), np.float32)}}, "of another network"),
    "another shape": ({"to": {"w": np.ones((4, 4), np.float32)}}, "of another network"),
    "weights of NaN": ({"to": {"w": np.full((3, 4), np.nan)}}, "not all finite"),
    "another member": ({"to_member": "b"}, "an objective has no other members"),
    "two ends": ({"to": {"w": np.ones((3, 4))}, "to_which": "last"}, "give one of the two"),
}


@pytest.mark.parametrize(("given", "said"), LINES.values(), ids=LINES)
def test_what_makes_no_line_is_refused(given, said):
    with pytest.raises(UserError, match=said):
        landscape.line(bowl(), **given)


def test_a_network_of_nan_is_refused_wherever_it_comes_from():
    mine = bowl()._replace(params={"w": np.full((3, 4), np.nan, np.float32)})
    for analysis in (landscape.surface, landscape.line, landscape.trajectory):
        with pytest.raises(UserError, match="not all finite"):
            analysis(mine)
