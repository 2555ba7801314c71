"""``python -m jaxcifar.models``: the overview, the layer table, and how mistakes are answered."""

import pytest

from jaxcifar import models
from jaxcifar.core.errors import UserError
from jaxcifar.models import __main__, overview

SLOW = [pytest.param("canet_tiny", marks=pytest.mark.slow)]
ONE_EACH = ["cnn", "vgg_a_light", "rr16", "cifar_resnet56", *SLOW]


@pytest.mark.parametrize("name", ONE_EACH)
def test_layers_add_up(name):
    """Also where blocks lie under a scan, and where one module is used twice."""
    found, layers = models.count(name), overview.layers(name)
    assert sum(layer.parameters for layer in layers) == found.parameters
    assert sum(layer.statistics for layer in layers) == found.statistics


def test_layers_tell_scanned_blocks_and_shared_modules():
    scanned = {layer.path: layer for layer in overview.layers("cifar_resnet56")}
    assert scanned["stage1_rest/conv1"].blocks == 8 and scanned["stage1_rest/bn2"].blocks == 8
    assert scanned["stage2_first/conv1"].output == (16, 16, 32)
    shared = {layer.path: layer for layer in overview.layers("canet_tiny")}
    assert shared["res0/unit/conv1"].calls == 2 and shared["res0/conv1"].calls == 1


def test_one_network(capsys):
    assert __main__.main(["vgg_a", "--norm=batch", "--width=0.25"]) == 0
    text = capsys.readouterr().out
    assert "options: norm=batch, width=0.25, init=torch" in text
    assert "16x16x32" in text and "bn8" in text
    assert f"{models.count_parameters('vgg_a', norm='batch', width=0.25):,} parameters" in text


def test_overview_has_a_line_for_every_network(monkeypatch, capsys):
    few = {name: models.MODELS[name] for name in ("cnn", "fcnn")}
    monkeypatch.setattr(overview, "MODELS", few)
    assert __main__.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:5] == ["cnn", "2,603,274", "896", "41.7", "(N,"]
    assert lines[2].startswith("fcnn") and "1,315,594" in lines[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cnnn"], "unknown model 'cnnn'; did you mean 'cnn'"),
        (["--norm=batch"], "one network, then its options: '--norm=batch' is not"),
        (["cnn", "vgg_a"], "one network, then its options"),
        (["cnn", "--filters=4,4"], "filters must be 3 values"),
    ],
)
def test_refusals(words, message):
    with pytest.raises(UserError, match=message):
        __main__.main(words)
