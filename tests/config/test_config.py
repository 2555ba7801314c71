"""Configs and studies: what is refused, in which words, and what a name means."""

import dataclasses
from functools import reduce
from operator import getitem

import numpy as np
import pytest
from places import ROOT

from jaxcifar import cli
from jaxcifar.config import Config, Member, Stage, Study, duration, flat, population, replace, sweep
from jaxcifar.config.tree import as_dict, differences, from_dict
from jaxcifar.core.errors import UserError
from jaxcifar.planning import plan, resolve

STUDY = Study("s", Config(), sweep({"model.norm": ("batch", "none"), "optim.lr": (0.1, 0.2)}))


def test_the_bn_study_is_eight_members_in_two_groups():
    study = cli.load_study(f"{ROOT}/configs/bn.py")
    runs = population.expand(study, lambda config: "data")
    assert sorted({run.overrides["optim.lr"] for run in runs}) == [1e-4, 5e-4, 1e-3, 2e-3]
    assert [len(rows) for rows in plan.group(runs)] == [4, 4]
    assert study.base.train.epochs == 20 and study.base.select_on == "validation"


def test_the_quick_variant_has_enough_steps_without_a_short_batch():
    base = cli.load_study(f"{ROOT}/configs/bn.py:quick").base
    left = base.data.n_train - round(base.data.n_train * base.data.validation)
    assert left % base.train.batch_size == 0
    assert base.train.epochs * left // base.train.batch_size >= 150
    assert base.model.width == 0.25 and base.train.batch_size == 128


@pytest.mark.parametrize(
    "variant, epochs, init", [("r0", 20, "xavier_normal"), ("r1", 50, "torch")]
)
def test_as_run_variants_follow_the_reports(variant, epochs, init):
    study = cli.load_study(f"{ROOT}/configs/bn.py:{variant}")
    base = study.base
    assert (base.train.epochs, base.model.init, base.train.batch_size) == (epochs, init, 128)
    assert base.data.normalisation == "half" and base.data.validation == 0
    assert base.optim.name == "adam" and base.schedule.name == "constant"
    seeds = {member.overrides.get("seed", base.seed) for member in study.members}
    assert len(seeds) == (1 if variant == "r0" else 8)


@pytest.mark.parametrize("text, amount, unit", [
    ("1 epoch", 1, "epochs"), ("0.5 epochs", 0.5, "epochs"), ("50 steps", 50, "steps"),
    ("2", 2, "epochs"), (".25", 0.25, "epochs"),
])  # fmt: skip
def test_durations(text, amount, unit):
    assert duration(text) == (amount, unit)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5 steps", "3 weeks", "epoch"])
def test_durations_that_are_none(text):
    with pytest.raises(UserError, match="no span of training"):
        duration(text)


BAD_FIELDS = {
    "data.validation": 1.0, "data.n_train": 0, "model.dropout_rate": 1.0, "model.width": 0.0,
    "optim.lr": -1.0, "optim.momentum": 1.0, "optim.clip": 0.0, "loss.smoothing": 1.0,
    "train.epochs": 0, "train.batch_size": 0, "eval.batch_size": 0, "seed": -1,
    "train.record": ("weights",),
}  # fmt: skip


@pytest.mark.parametrize("path", BAD_FIELDS)
def test_out_of_range_is_refused_by_name(path):
    with pytest.raises(UserError, match=f"{path}.* out of range\nallowed: "):
        replace(Config(), {path: BAD_FIELDS[path]})


def test_selection_on_a_missing_validation_part_is_refused():
    with pytest.raises(UserError, match="needs a validation part"):
        replace(Config(), {"data.validation": 0.0})
    replace(Config(), {"data.validation": 0.0, "select_on": "test"})  # together they are fine


MISTAKES = [
    ("optim.lrr", 1.0, "unknown config field 'optim.lrr'; did you mean 'optim.lr'"),
    ("optin.lr", 1.0, "unknown config field 'optin'; did you mean 'optim'"),
    ("optim.lr.x", 1.0, "unknown config field 'optim.lr.x'"),
    ("stages.x.at", 0.5, "stages.x.at names no field of a stage\nwrite stages.0.at=0.8"),
    ("stages.0", 0.5, "stages.0 names no field of a stage"),
    ("optim.lr", "0.1", "optim.lr='0.1' is of the wrong type\nexpected: a number"),
    ("seed", 1.5, "seed=1.5 is of the wrong type\nexpected: a whole number"),
    ("train.epochs", True, "train.epochs=True is of the wrong type"),
    ("data.augment", "hflip", "expected: values separated by commas, each text"),
    ("data.mix_probs", (0.5,), "data.mix_probs=(0.5,) is of the wrong type"),
    ("data.normalisation", "cifar", "unknown data.normalisation 'cifar'; did you mean 'cifar_"),
    ("select", "bets", "unknown select 'bets'; did you mean 'best'"),
    ("select_on", "tets", "unknown select_on 'tets'; did you mean 'test'"),
    ("optim.accumulation", "cary", "unknown optim.accumulation 'cary'; did you mean 'carry'"),
    ("model.norm", 1, "model.norm=1 is of the wrong type\nexpected: 'none' or 'batch' or None"),
]


@pytest.mark.parametrize("path, value, words", MISTAKES)
def test_mistakes_in_python_are_told_in_the_same_words(path, value, words):
    with pytest.raises(UserError) as error:
        replace(Config(), {path: value})
    assert words in str(error.value) and len(str(error.value).splitlines()) <= 3


def test_numpy_s_numbers_are_numbers():
    config = replace(Config(), {"optim.lr": np.float32(0.5), "seed": np.int64(3)})
    assert (config.optim.lr, config.seed) == (0.5, 3)


def test_configs_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 1


@pytest.mark.parametrize("overrides, words", [
    ({"optim.name": "adam", "optim.momentum": 0.9}, "optim.momentum=0.9 has no effect on 'adam'"),
    ({"optim.name": "adm"}, "unknown optim 'adm'; did you mean 'adam'"),
    ({"schedule.name": "constant", "schedule.factor": 0.1}, "has no effect on 'constant'"),
    ({"schedule.name": "step"}, "needs step_size"),
    ({"model.name": "cnn", "model.norm": "batch"}, "model.norm='batch' has no effect on 'cnn'"),
    ({"model.name": "vgg"}, "unknown model 'vgg'"),
    ({"data.augment": ("flip",)}, "unknown augmentation 'flip'"),
    ({"model.activation": "rellu"}, "rellu"),
    ({"model.leaky_slope": 0.1}, "leaky_slope has no effect unless activation"),
])  # fmt: skip
def test_options_without_effect_and_unknown_names_are_refused(overrides, words):
    with pytest.raises(UserError) as error:
        resolve.resolve(replace(Config(), overrides))
    assert words in str(error.value)


def test_members_need_distinct_ids():
    with pytest.raises(UserError, match="distinct ids"):
        Study("s", Config(), (Member("a", {}), Member("a", {"optim.lr": 1.0})))


def identities(study, data="data"):
    return {run.id: run.identity for run in population.expand(study, lambda config: data)}


def test_identity_follows_what_changes_numbers_and_nothing_else():
    first = identities(STUDY)
    assert len(set(first.values())) == 4
    assert identities(STUDY, data="other") != first
    for path, value in {"optim.clip": 5.0, "train.epochs": 3, "eval.every": "2", "seed": 1}.items():
        changed = dataclasses.replace(STUDY, base=replace(STUDY.base, {path: value}))
        assert not set(identities(changed).values()) & set(first.values()), path
    for path, value in {
        "checkpoint.keep_every": "1", "deterministic": False, "data.dir": "/elsewhere",
    }.items():  # fmt: skip
        changed = dataclasses.replace(STUDY, base=replace(STUDY.base, {path: value}))
        assert identities(changed) == first, path


# Fields, or sections of them, that change no identity: what cannot change a number, what is told
# better by what follows from it, and what came later, as long as nobody asks for it.
NO_PART = ("checkpoint", "deterministic", "data.dir", "seed", "data.name")
LATER = ("eval.histograms", "eval.probes", "optim.decay", "probe", "devices")


def among(path, listed):
    return any(path == name or path.startswith(f"{name}.") for name in listed)


def leaves(tree, before=""):
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{name}.")
        else:
            yield before + name


def test_every_field_counts(monkeypatch):
    """Changed in what is hashed, one by one: whatever is not on the list is another member."""
    first = population.identity(Config(), "data")
    told = set(leaves(population.content(Config())))
    assert {path for path in leaves(as_dict(Config())) if not among(path, LATER)} == told
    for path in told:
        changed = population.content(Config())
        *sections, name = path.split(".")
        reduce(getitem, sections, changed)[name] = "changed"
        with monkeypatch.context() as patch:
            patch.setattr(population, "content", lambda config, changed=changed: changed)
            same = population.identity(Config(), "data") == first
        assert same == among(path, NO_PART), path


def test_records_that_nobody_asked_for_leave_the_identity_alone(monkeypatch):
    """Run folders from before there were such records can still be continued."""
    changes = ({}, {"eval.histograms": True}, {"probe.every": "50 steps"})
    names = [population.identity(replace(Config(), row), "data") for row in changes]
    whole = population.content

    def older(config):
        tree = whole(config)
        told = {"eval": {k: tree["eval"][k] for k in ("every", "train", "batch_size")}}
        return {k: v for k, v in tree.items() if k != "probe"} | told

    monkeypatch.setattr(population, "content", older)
    assert [population.identity(Config(), "data") == name for name in names] == [
        True, False, False
    ]  # fmt: skip
    assert not {"histograms", "probes"} & whole(Config())["eval"].keys()  # run folders
    assert "probe" not in whole(Config())


def test_adding_seeds_renames_nobody():
    more = identities(dataclasses.replace(STUDY, seeds=2))
    assert {k: v for k, v in more.items() if not k.endswith(".s1")} == identities(STUDY)
    assert len(set(more.values())) == 8


def test_a_config_survives_json():
    config = replace(Config(), {"model.filters": (1, 2, 3), "data.augment": ("crop",)})
    assert from_dict(as_dict(config)) == config


def test_members_name_the_fields_of_their_stages():
    stages = (Stage(0.5, {"optim.name": "sgd"}), Stage(0.8, {"optim.lr": 0.1}))
    whole = {"optim.lr": 0.2, "stages": stages}
    (run,) = population.expand(Study("s", Config(), (Member("a", whole),)), lambda config: "data")
    assert run.overrides == {
        "optim.lr": 0.2, "stages.0.at": 0.5, "stages.0.optim.name": "sgd",
        "stages.1.at": 0.8, "stages.1.optim.lr": 0.1,
    }  # fmt: skip
    assert replace(Config(), flat(whole)) == replace(Config(), whole)


def test_differences_name_paths():
    left = as_dict(Config())
    right = as_dict(replace(Config(), {"optim.lr": 0.5}))
    assert differences(left, right) == ["optim.lr: 0.001 there, 0.5 here"]
