"""Directions: their lengths by NumPy, what they leave alone, whose they may be."""

import jax
import numpy as np
import pytest

from jaxcifar import models
from jaxcifar.core.errors import UserError
from jaxcifar.landscape import directions
from jaxcifar.records.formats import write_table

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


PARAMS = {
    "conv": {"kernel": normal(3, 3, 2, 5), "bias": normal(5)},
    "bn": {"scale": normal(5), "bias": normal(5)},
    "fc": {"kernel": normal(20, 4), "mix": np.float32(0.3)},
    "stage1_rest": {"kernel": normal(6, 3, 3, 4, 4), "scale": normal(6, 4)},
}
STACKED = ("stage1_rest",)
KERNELS = {"conv/kernel": (), "fc/kernel": (), "stage1_rest/kernel": (0,)}  # -> axes of blocks


def made(how, params=PARAMS):
    raw = directions.draw(params, seed=3, stacked=STACKED)
    tree = directions.normalised(raw, params, how, STACKED)
    return raw, directions.named_leaves(tree)


def test_kernels_are_drawn_and_vectors_are_not():
    raw, found = made("filter")
    assert raw.keys() == KERNELS.keys()
    assert found.keys() == directions.named_leaves(PARAMS).keys()
    for name in found.keys() - KERNELS.keys():
        assert not np.any(found[name]), name
    drawn = np.concatenate([leaf.ravel() for leaf in raw.values()])
    assert abs(drawn.mean()) < 0.1 and abs(drawn.std() - 1) < 0.1


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("how", directions.NORMALISATIONS)
def test_lengths_are_as_the_normalisation_says(name, how):
    """By plain loops over filters and layers, in float64."""
    raw, found = made(how)
    w = np.float64(directions.named_leaves(PARAMS)[name])
    blocks = zip(np.float64(raw[name]), np.float64(found[name]), w, strict=True) if KERNELS[name] \
        else [(np.float64(raw[name]), np.float64(found[name]), w)]  # fmt: skip
    for drawn, d, weights in blocks:
        wanted = {"weight": drawn * weights, "none": drawn}.get(how, d)
        np.testing.assert_allclose(d, wanted, rtol=1e-6)
        for f in range(d.shape[-1]):
            cosine = (d[..., f] * drawn[..., f]).sum() / np.linalg.norm(d[..., f])
            if how != "weight":
                assert cosine == pytest.approx(np.linalg.norm(drawn[..., f]), rel=1e-5)
            length = np.linalg.norm(d[..., f])
            if how == "filter":
                assert length == pytest.approx(np.linalg.norm(weights[..., f]), rel=1e-5)
            if how == "unit-filter":
                assert length == pytest.approx(1, rel=1e-5)
        if how == "layer":
            assert np.linalg.norm(d) == pytest.approx(np.linalg.norm(weights), rel=1e-5)
        if how == "unit-layer":
            assert np.linalg.norm(d) == pytest.approx(1, rel=1e-5)


def test_kernels_of_one_shape_have_draws_of_their_own():
    found = directions.draw({name: {"kernel": np.ones((30, 30), np.float32)} for name in "ab"}, 0)
    assert abs(np.corrcoef(found["a/kernel"].ravel(), found["b/kernel"].ravel())[0, 1]) < 0.15


@pytest.mark.parametrize("how", directions.NORMALISATIONS)
def test_a_vector_of_a_direction_counts_only_as_it_is(how):
    """As of saved directions that move everything; in a loop's blocks vectors have two axes."""
    given = {
        name: np.ones(np.shape(leaf)) for name, leaf in directions.named_leaves(PARAMS).items()
    }
    found = directions.named_leaves(directions.normalised(given, PARAMS, how, STACKED))
    for name in found.keys() - KERNELS.keys():
        assert (np.asarray(found[name]) == (how == "none")).all(), name


def test_a_filter_of_no_weights_gets_no_direction():
    params = {"kernel": np.concatenate([np.zeros((3, 1)), np.ones((3, 1))], 1).astype(np.float32)}
    found = directions.normalised(directions.draw(params, 0), params)["kernel"]
    assert not np.any(found[:, 0]) and np.linalg.norm(found[:, 1]) == pytest.approx(3**0.5)


def test_seeds_and_numbers_give_other_draws_and_the_same_ones_the_same():
    one, again, seed, second = (
        directions.draw(PARAMS, *at, stacked=STACKED)["fc/kernel"]
        for at in ((0, 0), (0, 0), (1, 0), (0, 1))
    )
    np.testing.assert_array_equal(one, again)
    assert (one != seed).all() and (one != second).all() and (seed != second).all()


def test_networks_with_and_without_batchnorm_share_their_draws():
    shapes = [
        models.shapes("vgg_a", norm=norm, width=0.0625)["params"] for norm in ("none", "batch")
    ]
    plain, bn = (
        directions.draw(jax.tree.map(lambda s: np.ones(s.shape, np.float32), tree), 0)
        for tree in shapes
    )
    assert plain.keys() == bn.keys() and len(plain) > 8
    for name in plain:
        np.testing.assert_array_equal(plain[name], bn[name])


def test_the_stacked_modules_of_networks_are_known_by_name():
    """A loop's kernels have one axis more, and so do its vectors."""
    params = models.shapes("cifar_resnet56")["params"]
    stacked = [name for name in params if models.STACKED.match(name)]
    assert stacked
    named = directions.named_leaves(params)
    for name, leaf in named.items():
        axes = len(leaf.shape) - (name.split("/")[0] in stacked)
        assert axes == (4 if name.endswith("kernel") and "fc" not in name else 2
                        if name.endswith("kernel") else 1), name  # fmt: skip


def test_the_cosine_is_that_of_all_weights():
    one, two = {"a": np.array([3.0, 0]), "b": np.array([4.0])}, {"a": np.array([1.0, 1]),
                                                                 "b": np.zeros(1)}  # fmt: skip
    assert directions.cosine(one, two) == pytest.approx(3 / (5 * 2**0.5))
    assert np.isnan(directions.cosine(one, {"a": np.zeros(2), "b": np.zeros(1)}))


def test_directions_come_back_as_they_were_saved(tmp_path):
    raw = [directions.draw(PARAMS, 0, index, STACKED) for index in range(2)]
    directions.save(tmp_path / "d.npz", raw, {"seed": 0})
    found = directions.load(tmp_path / "d.npz", PARAMS, 2, STACKED)
    for one, other in zip(raw, found, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    assert len(directions.load(tmp_path / "d.npz", PARAMS, 1, STACKED)) == 1


def changed(**leaves):
    params = {name: dict(part) for name, part in PARAMS.items()}
    for path, leaf in leaves.items():
        module, name = path.split("__")
        if leaf is None:
            del params[module][name]
        else:
            params.setdefault(module, {})[name] = leaf
    return params


OTHERS = {
    "a wider filter": changed(conv__kernel=normal(3, 3, 2, 6)),
    "a kernel more": changed(conv2__kernel=normal(3, 3, 5, 5)),
    "a kernel less": changed(fc__kernel=None),
    "fewer blocks": changed(stage1_rest__kernel=normal(5, 3, 3, 4, 4)),
}


@pytest.mark.parametrize("params", OTHERS.values(), ids=OTHERS)
def test_directions_of_another_network_are_refused(tmp_path, params):
    directions.save(tmp_path / "d.npz", [directions.draw(PARAMS, 0, 0, STACKED)], {})
    with pytest.raises(UserError, match="is of another network: .*kernel is"):
        directions.load(tmp_path / "d.npz", params, 1, STACKED)


def test_vectors_may_differ(tmp_path):
    directions.save(tmp_path / "d.npz", [directions.draw(PARAMS, 0, 0, STACKED)], {})
    directions.load(tmp_path / "d.npz", changed(bn__scale=None, bn__bias=None), 1, STACKED)


FILES = {
    "missing": (None, "there is no file"),
    "empty": (b"", "cannot be read"),
    "cut": (b"PK\x03\x04 and no more", "cannot be read"),
    "another table": ({"loss": np.zeros(3)}, "holds no directions"),
    "a count of nothing": ({"count": np.array(1)}, "holds no directions"),
    "NaN": ({"count": np.array(1), "direction0:fc/kernel": np.full((20, 4), np.nan)}, "not finite"),
    "whole": ({"count": np.array(1), "direction0:fc/kernel": np.ones((2, 2), int)}, "not finite"),
    "one of two": ({"count": np.array(1), "direction0:fc/kernel": np.ones((20, 4))}, "holds 1"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "said"), FILES.values(), ids=FILES)
def test_a_file_that_holds_no_directions_is_refused(tmp_path, content, said):
    path = tmp_path / "d.npz"
    if isinstance(content, dict):
        write_table(path, content)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=said) as refused:
        directions.load(path, PARAMS, 2, STACKED)
    assert len(str(refused.value).splitlines()) <= 3


def test_the_way_between_two_networks_is_refused():
    assert directions.between({"w": np.ones(3)}, {"w": np.ones(3) * 4})["w"].tolist() == [3, 3, 3]
    for other in ({"w": np.ones(4)}, {"v": np.ones(3)}, {"w": np.ones(3), "v": np.ones(1)}):
        with pytest.raises(UserError, match="of another network"):
            directions.between({"w": np.ones(3)}, other)


def test_an_unknown_normalisation_is_refused():
    with pytest.raises(UserError, match="unknown normalisation 'fliter'; did you mean 'filter'"):
        directions.normalised({}, PARAMS, "fliter")
