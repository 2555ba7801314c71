"""Looking into networks: outputs of layers, dead units, attention, singular values."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from jaxcifar import augment, models, programs
from jaxcifar.config import replace
from jaxcifar.core.types import Images
from jaxcifar.evaluation import probes
from jaxcifar.models import network

DROPOUT = {"model.dropout_rate": 0.5}  # must drop nothing here


def probed(made, n=12):
    """A population's probes from its first weights to its first weights with other statistics."""
    program, numbers = made.phases[0].program, made.phases[0].numbers
    first = programs.first_weights(program, numbers)
    moved = jax.tree.map(lambda leaf: leaf + np.float32(0.5), first["batch_stats"])
    final = {**first, "batch_stats": moved}
    images, labels = tiny.images(n)
    sample = Images(images[:4], labels[:4])
    return first, final, images, probes.probe(made, first, final, images, sample)


@pytest.fixture(scope="module")
def looked():
    made = tiny.make_plan({"seed": 1}, {"seed": 2}, base=replace(tiny.BASE, DROPOUT))
    return made, *probed(made)


def conv3x3(x, kernel, bias):
    """Cross-correlation with zeros around, tap by tap, float64."""
    padded, size = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), x.shape[1]
    return bias + sum(
        padded[:, i : i + size, j : j + size] @ kernel[i, j].astype(np.float64)
        for i in range(3) for j in range(3)
    )  # fmt: skip


def test_layers_come_in_the_order_they_run(looked):
    names = ["conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "fc1", "fc2", "fc3"]
    assert looked[-1]["layers"].tolist() == names


def test_root_mean_squares_and_dead_channels_are_numpys(looked):
    """First convolution and its BatchNorm: by the batch before, by running averages after."""
    made, first, final, images, table = looked
    program = made.phases[0].program
    pixels = np.asarray(augment.normalise(images, program.mean, program.std), np.float64)
    for m in range(2):
        weights = jax.tree.map(lambda leaf, m=m: leaf[m], final)
        params, running = weights["params"], weights["batch_stats"]["bn1"]
        y = conv3x3(pixels, params["conv1"]["kernel"], params["conv1"]["bias"])
        by_batch = (y - y.mean((0, 1, 2))) / np.sqrt(y.var((0, 1, 2)) + 1e-5)
        by_running = (y - running["mean"]) / np.sqrt(running["var"] + 1e-5)
        for layer, when, values in (
            (0, "initial", y), (0, "final", y), (1, "initial", by_batch), (1, "final", by_running),
        ):  # fmt: skip
            rms, dead = np.sqrt((values**2).mean()), (values.max((0, 1, 2)) <= 0).mean()
            assert table[f"{when}_rms"][m, layer] == pytest.approx(rms, rel=1e-4)
            assert table[f"{when}_dead"][m, layer] == dead
    assert (looked[-1]["initial_rms"][0] != looked[-1]["initial_rms"][1]).all()


def test_the_table_holds_what_it_promises(looked):
    made, _, final, images, table = looked
    np.testing.assert_array_equal(table["filters"], final["params"]["conv1"]["kernel"])
    np.testing.assert_array_equal(table["sample_images"], images[:4])
    assert table["sample_labels"].tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(table["sample_probabilities"].sum(-1), np.ones((2, 4)), rtol=1e-5)
    assert table["members"].tolist() == list(made.members)
    assert set(json.loads(str(table["units"]))) == table.keys() - {"members", "units"}
    assert not {"attention", "singular_values"} & table.keys(), "of other networks"


def test_dead_units_of_a_network_made_by_hand():
    """fc1: three of eight units are never above 0, one only for the brighter of two images."""
    model = models.make_model("fcnn", width=8, depth=1)
    images = jnp.zeros((2, 32, 32, 3)).at[1].set(1.0)
    params = jax.tree.map(
        lambda leaf: jnp.zeros(leaf.shape), models.shapes("fcnn", width=8, depth=1)["params"]
    )
    bias = jnp.array([-1.0, 0.0, -2.0, -1.0, 1.0, 1.0, 2.0, 2.0])
    params["fc1"] = {"kernel": params["fc1"]["kernel"].at[0, 3].set(3.0), "bias": bias}
    found = models.outputs(model, {"params": params}, images, of=probes._summary)
    assert list(found) == ["fc1", "fc2", "fc"]
    assert found["fc1"]["dead"] == 3 / 8 and found["fc2"]["dead"] == 1
    assert found["fc1"]["rms"] == pytest.approx(np.sqrt((2 * (1 + 4 + 10) + 1 + 4) / 16))


def looped():
    """A residual encoder of six narrow blocks under a loop, and a function for its variables."""
    model = models.make_model("rn8", lowering="library", channels=2, hidden=3).clone(blocks=6)
    return model, partial(model.init, train=False)


IMAGES = np.random.default_rng(0).normal(size=(3, 32, 32, 3)).astype(np.float32)


def test_layers_of_a_loop_come_block_by_block():
    model, init = looped()
    shapes = jax.eval_shape(init, jax.random.key(0), IMAGES)
    found = jax.eval_shape(partial(models.outputs, model), shapes, IMAGES)
    block = ("conv1", "bn1", "conv2", "bn2")
    blocks = [f"blocks/{i}/{name}" for i in range(6) for name in block]
    encoder = [f"encoder/{name}" for name in ("conv1", "conv2", "conv3", "fc")]
    assert list(found) == ["conv1", *blocks, *encoder]
    assert found["blocks/5/conv1"].shape == (3, 32, 32, 3) and found["encoder/fc"].shape == (3, 10)


@pytest.mark.slow
def test_blocks_of_a_loop_are_told_apart(monkeypatch):
    """Against the same blocks compiled one by one."""
    model, init = looped()
    variables = init(jax.random.key(0), IMAGES)
    found = models.outputs(model, variables, IMAGES, by_batch=True)

    def unstacked(tree):
        blocks = {f"blocks_{i}": jax.tree.map(lambda leaf, i=i: leaf[i], tree["blocks"])
                  for i in range(6)}  # fmt: skip
        return {**{name: part for name, part in tree.items() if name != "blocks"}, **blocks}

    monkeypatch.setattr(network, "UNROLLED", 6)
    flat = {name: unstacked(tree) for name, tree in variables.items()}
    expected = models.outputs(model, flat, IMAGES, by_batch=True)
    assert list(found) == [name.replace("blocks_", "blocks/") for name in expected]
    for value, other in zip(found.values(), expected.values(), strict=True):
        np.testing.assert_allclose(value, other, atol=1e-5)


def test_maps_grow_by_repetition():
    small = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    maps = probes.of_one_size({"a": np.zeros((2, 4, 4)), "b": small})
    assert maps.shape == (2, 2, 4, 4) and maps.dtype == np.float32
    assert maps[1, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]


def test_singular_values_fall_and_end_with_nan():
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    values = probes.singular_values({"a": turn @ np.diag([2, 3]), "b": np.array([[3.0, 4.0]])})
    np.testing.assert_allclose(values, [[3, 2], [5, np.nan]], rtol=1e-6)


def test_unit_kernels_are_found_by_their_module():
    kernel = np.arange(8).reshape(1, 1, 4, 2)
    unit = {name: {"kernel": kernel} for name in ("conv1", "conv2")}
    tree = {"res0": {"unit": unit, "conv1": {"kernel": kernel}}, "fc": {"kernel": kernel[0, 0]}}
    found = models.unit_kernels(tree)
    assert list(found) == ["res0/unit/conv1", "res0/unit/conv2"]
    np.testing.assert_array_equal(found["res0/unit/conv1"], kernel[0, 0])


@pytest.mark.slow
def test_canet_shows_its_attention_and_answers_as_ever():
    model = models.make_model("canet_tiny")
    images = jax.random.normal(jax.random.key(1), (2 * 32 * 32 * 3,)).reshape(2, 32, 32, 3)
    variables = jax.jit(partial(model.init, train=False))(jax.random.key(0), images)
    plain = jax.jit(partial(model.apply, train=False))(variables, images)
    logits, maps = jax.jit(partial(models.attention, model))(variables, images)
    np.testing.assert_array_equal(logits, plain)
    found = jax.jit(partial(models.outputs, model))(variables, images)
    assert list(maps) == [f"res{i}/sa" for i in range(6)]
    assert [m.shape[1] for m in maps.values()] == [32, 32, 16, 16, 8, 4]
    for name, gate in maps.items():
        np.testing.assert_allclose(gate, jax.nn.sigmoid(found[f"{name}/conv"][..., 0]), rtol=1e-5)
    assert [n for n in found if "res1/unit" in n] == [
        "res1/unit/conv1", "res1/unit/conv2", "res1/unit/conv1 (2)", "res1/unit/conv2 (2)",
    ]  # fmt: skip
    ranks = [len(np.linalg.svd(m)[1]) for m in models.unit_kernels(variables["params"]).values()]
    assert ranks == [8, 8, 8, 8, 16, 16, 16, 16, 32, 32, 32, 32]


@pytest.mark.slow
@pytest.mark.parametrize("changes", [
    {"model.name": "vgg_a", "model.norm": "batch", "model.width": 0.0625, "model.filters": None},
    {"model.name": "vgg_a", "model.norm": "none", "model.width": 0.0625, "model.filters": None},
    {"model.name": "canet_tiny", "model.filters": None}, {"dtype": "bfloat16"},
], ids=["vgg-bn", "vgg", "canet", "bfloat16"])  # fmt: skip
def test_other_networks_can_be_looked_into(changes):
    made = tiny.make_plan({}, base=replace(tiny.BASE, changes))
    *_, table = probed(made)
    for name in ("initial_rms", "final_rms", "initial_dead", "final_dead"):
        assert table[name].shape == (1, len(table["layers"])) and table[name].dtype == np.float32
        assert np.isfinite(table[name]).all()
    assert table["sample_probabilities"].dtype == np.float32
    if made.phases[0].program.model == "canet_tiny":
        assert table["attention"].shape == (1, 6, 4, 32, 32)
        assert table["singular_values"].shape == (1, 12, 32)
