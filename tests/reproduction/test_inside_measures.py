"""Measures of trained networks' insides, by hand, on the names that real networks give."""

from functools import partial
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from jaxcifar import models
from jaxcifar.figures.layer_units import units
from jaxcifar.records.networks import Histograms
from jaxcifar.reproduction.reports import measures, network_measures, page
from jaxcifar.reproduction.reports.claims import CLAIMS
from jaxcifar.reproduction.verdicts import Verdict

NAME = "R1-canet"


def leaves_of(model):
    """Kernels of a network by name, with their shapes."""
    return models.kernels(models.shapes(model)["params"])


def trained(weights, bins=64):
    """A run whose member has these weights after training, by leaf; before it, others."""
    rows = [np.histogram(values, bins) for values in weights.values()]
    low, high = (np.array([edges[end] for _, edges in rows])[None] for end in (0, -1))
    counts = np.array([found for found, _ in rows])[None]
    nothing = np.zeros_like(low)
    last = Histograms(tuple(weights), np.arange(2.0), counts, low, high, nothing, nothing)
    both = {name: np.concatenate([getattr(last, name)[:, ::-1], getattr(last, name)])
            for name in ("counts", "low", "high")}  # fmt: skip
    return SimpleNamespace(inside=SimpleNamespace(histograms={NAME: last._replace(**both)}))


def matching(pattern, leaves):
    found = trained({leaf: [number, number + 1.0] for number, leaf in enumerate(leaves)})
    centres, _ = network_measures._weights(found, NAME, pattern)
    return [list(leaves)[int(row[0])] for row in centres]


def test_convolutions_are_those_of_the_blocks_and_the_stem():
    leaves = leaves_of("canet_base")
    found = matching(network_measures.CONVOLUTION, leaves)
    block = {"conv1", "conv2", "conv3", "conv4", "down_conv"}
    assert {*found} == {f"res{number}/{name}/kernel" for number in range(6) for name in block}
    stem = matching(network_measures.CONVOLUTION, leaves_of("resnet18"))
    assert {"conv1/kernel", "stage2_first/shortcut_conv/kernel"} < {*stem}
    assert not any("fc" in leaf for leaf in stem)


def test_attention_and_unit_transforms_are_found_by_name():
    leaves = leaves_of("canet_base")
    assert len(matching(network_measures.SPATIAL, leaves)) == 6
    assert len(matching(network_measures.CHANNEL, leaves)) == 18
    assert len(matching(network_measures.UNIT, leaves)) == 12
    weights = sum(leaf.size for name, leaf in leaves.items() if "/sa/" in name)
    assert pytest.approx(1 / weights) == measures.MEASURES["sa_share"].resolution


def test_the_share_of_weights_of_spatial_attention_is_counted():
    """Of 640 even weights over -.4..+.4 three eighths are within, of the others half."""
    even = (np.arange(640) + 0.5) / 640
    found = trained({"res0/sa/conv/kernel": 0.8 * even - 0.4, "res1/sa/conv/kernel": 0.4 * even,
                     "res0/conv1/kernel": 9 * even})  # fmt: skip
    assert network_measures.sa_share(found, NAME) == pytest.approx(
        (3 / 8 + 1 / 2) / 2 - 0.5, abs=1e-3
    )
    inside = trained({"res0/sa/conv/kernel": [-0.09, 0.19, 0.05, 0.3]})
    assert network_measures.sa_share(inside, NAME) == pytest.approx(0.25, abs=0.01)
    equal = trained({"res0/sa/conv/kernel": np.full(9, 0.1)})
    equal.inside.histograms[NAME].high[:] = equal.inside.histograms[NAME].low[:] = 0.1
    assert network_measures.sa_share(equal, NAME) == 0.5
    assert np.isnan(network_measures.sa_share(trained({"res0/conv1/kernel": even}), NAME))


UNITS = {
    "cnn": (["bn1", "bn2", "bn3", "fc1", "fc2"], {}),
    "convnet_r4": (["bn1", "conv2", "bn3", "conv4", "bn5", "conv6", "conv7", "fc1", "fc2"],
                   {"bn": (True, False) * 3}),
    "fcnn": (["fc1", "fc2"], {"depth": 1}),
    "rn4": (["conv1", *(f"blocks_{block}/bn1" for block in range(4)),
             "encoder/conv1", "encoder/conv2", "encoder/conv3"], {}),
    "rn8": (["conv1", *(f"blocks/{block}/bn1" for block in range(8)),
             "encoder/conv1", "encoder/conv2", "encoder/conv3"], {}),
    "cifar_resnet20": (["bn1", *(f"stage{stage}_{block}/bn1" for stage in (1, 2, 3)
                                 for block in ("first", "rest_0", "rest_1"))], {}),
    "canet_tiny": ([*(f"res{block}/{name}" for block in range(6) for name in (
        "conv1", "bn1", "conv3", "bn2", "unit/conv1", "unit/conv1 (2)", "bn3")), "fc1"], {}),
}  # fmt: skip
IMAGES = jax.ShapeDtypeStruct((2, 32, 32, 3), np.float32)


def layers_of(model, options):
    made, shapes = models.make_model(model, **options), models.shapes(model, **options)
    return [*jax.eval_shape(partial(models.outputs, made), shapes, IMAGES)]


@pytest.mark.parametrize("model", UNITS)
def test_units_are_the_layers_before_an_activation(model):
    expected, options = UNITS[model]
    layers = layers_of(model, options)
    assert [layers[place] for place in units(layers)] == expected


def test_dead_channels_are_those_of_units():
    """The first of each pair gives way to BatchNorm; of the logits none is dead."""
    layers = layers_of("cnn", {})
    shares = np.array([1, 0.1, 1, 0.2, 1, 0.3, 0.4, 0.5, 1.0])
    probes = SimpleNamespace(layers=tuple(layers), final_dead=shares)
    run = SimpleNamespace(inside=SimpleNamespace(probes={NAME: probes}))
    assert network_measures.dead(run, NAME) == pytest.approx(0.3)
    assert np.isnan(network_measures.dead(run, "another"))


UNNUMBERED = ("Convolution weights are centred", "Spatial-attention weights", "None in the Tanh",
              "Unit-transform weights", "BatchNorm with dropout", "Fine-tuning only")  # fmt: skip


def test_nothing_is_printed_as_published_that_was_not():
    found = [claim for claims in CLAIMS.values() for claim in claims
             if claim.text.startswith(UNNUMBERED)]  # fmt: skip
    assert len(found) == len(UNNUMBERED) and all(claim.published is None for claim in found)
    for name in ("R1", "R2"):
        rows = page.verdicts(CLAIMS[name], {}).rows
        assert all(row[3] == "\u2013" for row in rows if row[0].startswith(UNNUMBERED))


@pytest.mark.parametrize(
    "loss, verdict",
    [(0.002, Verdict.REPRODUCED), (0.01, Verdict.CONTRADICTED), (-0.03, Verdict.REPRODUCED),
     (0.005, Verdict.UNCLEAR)],
)  # fmt: skip
def test_no_harm_is_one_sided_with_a_margin(monkeypatch, loss, verdict):
    claim = next(c for c in CLAIMS["R2"] if c.text.startswith("BatchNorm with dropout"))
    assert "plus a margin of 0.5 points" in claim.text
    numbers = {claim.cells[0]: [0.8, 0.8001, 0.8002], claim.cells[1]: np.full(3, 0.8001) + loss}
    monkeypatch.setattr(page, "values", lambda trained, cell: tuple(numbers[cell]))
    runs = {"r2_heavy_rn_rr": [SimpleNamespace(name="a run", at_size=lambda member: True)]}
    assert page.verdicts([claim], runs).rows[0][-1] == verdict.value
