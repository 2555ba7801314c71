"""The studies beside the BatchNorm bands: as the reports' runs, but for what each compares."""

import dataclasses

import numpy as np
import pytest
from places import ROOT

from jaxcifar import cli
from jaxcifar.config import population, replace, tree
from jaxcifar.core.errors import UserError

STUDIES = ("bn_rates", "bn_init", "bn_sgd")


def load(name, variant=None):
    return cli.load_study(f"{ROOT}/configs/{name}.py" + (f":{variant}" if variant else ""))


def configs(study):
    one = dataclasses.replace(study, seeds=1)
    return [run.config for run in population.expand(one, lambda config: "data")]


COMPARED = {  # study -> the report's variant of bn.py, and where its members differ from it
    "bn_rates": ("r0", {"train.epochs", "eval.train"}),
    "bn_init": ("r1", {"model.init", "eval.train"}),
    "bn_sgd": ("r1", {"optim.name", "optim.momentum", "eval.train"}),
}
OF_MEMBERS = {"model.norm": None, "optim.lr": 0.5, "seed": 0, "init_seed": 0, "order_seed": 0,
              "augment_seed": 0}  # fmt: skip


@pytest.mark.parametrize("name", COMPARED)
def test_published_studies_are_as_the_report_s_runs_but_for_what_they_compare(name):
    variant, expected = COMPARED[name]
    report = replace(configs(load("bn", variant))[0], OF_MEMBERS)
    found = set()
    for config in configs(load(name)):
        lines = tree.differences(*(tree.as_dict(c) for c in (report, replace(config, OF_MEMBERS))))
        found |= {line.split(":")[0] for line in lines}
    assert found == expected


@pytest.mark.parametrize("variant, count", [(None, 16), ("quick", 13), ("small", 13)])
def test_rates_double_from_1e_4(variant, count):
    found = configs(load("bn_rates", variant))
    for norm in ("batch", "none"):
        rates = [config.optim.lr for config in found if config.model.norm == norm]
        np.testing.assert_allclose(rates, [1e-4 * 2**k for k in range(count)], rtol=1e-12)
    assert {config.train.epochs for config in found} == {1}


def test_every_start_has_every_rate_and_five_seeds():
    study = load("bn_init", "small")
    cells = {(c.model.norm, c.model.init, c.optim.lr) for c in configs(study)}
    assert len(cells) == len(study.members) == 16 and study.seeds == load("bn_init").seeds == 5
    assert {init for _, init, _ in cells} == {"torch", "xavier_normal"}


@pytest.mark.parametrize("variant", [None, "quick", "small"])
def test_sgd_has_momentum_and_its_own_rates_beside_adam_s(variant):
    found = configs(load("bn_sgd", variant))
    adam, sgd = ([c.optim for c in found if c.optim.name == name] for name in ("adam", "sgd"))
    assert len(adam) == len(sgd) == 8 and {o.momentum for o in sgd} == {0.9}
    assert {o.momentum for o in adam} == {None}
    np.testing.assert_allclose([o.lr for o in sgd], [25 * o.lr for o in adam])


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("variant", ["quick", "small"])
def test_few_images_are_whole_batches(name, variant):
    """A short last batch would be one more program to compile; all 50,000 images have one."""
    for config in configs(load(name, variant)):
        images, batch = config.data.n_train, config.train.batch_size
        assert images is None or images % batch == 0
        assert config.model.width == 0.125 and config.data.n_test <= 2000
        assert (config.data.name == "synthetic") == (variant == "quick")


@pytest.mark.parametrize("name", STUDIES)
def test_a_variant_that_there_is_not_is_refused(name):
    with pytest.raises(UserError, match="did you mean 'small'"):
        load(name, "smal")
