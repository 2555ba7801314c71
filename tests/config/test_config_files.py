"""The config files: all build and plan, and those of the reports hold the reports' rows."""

import dataclasses
import re
from functools import cache

import numpy as np
import pytest
from places import ROOT

import jaxcifar.train
from jaxcifar import cli, models
from jaxcifar.config import Config, Member, population, replace, reports, tree
from jaxcifar.core.errors import UserError
from jaxcifar.core.hardware import Hardware
from jaxcifar.planning import plan
from jaxcifar.reproduction import reference

VARIANTS = (None, "published", "asrun", "quick")
OTHERS = {
    "bn": (None, "quick", "small", "r0", "r1"), "bn_init": (None, "quick", "small"),
    "bn_rates": (None, "quick", "small"), "bn_sgd": (None, "quick", "small"),
    "bn_probe": (None, "quick", "small", "r0", "r1", "linear"),
    "cnn": (None, "quick", "published"),
}  # fmt: skip
FILES = sorted(path.stem for path in (ROOT / "configs").glob("*.py"))
STUDIES = [name for name in FILES if name not in OTHERS]
ALL = [(name, v) for name in FILES for v in OTHERS.get(name, VARIANTS)]
TABLES = {
    table["config"]: table
    for report in ("r0", "r1", "r2", "r3", "r4")
    for table in reference.load(report)["tables"]
}
MACHINE = Hardware("gpu", "NVIDIA H200", 1, 16)  # on a CPU planning counts a network's work too


@cache
def load(name, variant=None):
    return cli.load_study(f"{ROOT}/configs/{name}.py" + (f":{variant}" if variant else ""))


@cache
def runs(name, variant=None):
    """One seed of every member, by its id."""
    study = dataclasses.replace(load(name, variant), seeds=1)
    return {run.id: run for run in population.expand(study, lambda config: "data")}


def make_plan(rows, n_train=None):
    config = rows[0].config.data
    n_train = n_train or config.n_train or 50_000
    return plan.make_plan(rows, n_train - round(config.validation * n_train), MACHINE)


@pytest.mark.parametrize("name, variant", ALL)
def test_every_config_builds_and_plans(name, variant):
    for rows in plan.group(tuple(runs(name, variant).values())):
        made = make_plan(rows)
        last = made.phases[-1]
        left = rows[0].config.train.epochs - last.epoch
        assert made.n_step == last.start + left * last.steps_per_epoch
        assert made.members == tuple(row.id for row in rows)


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("variant", [None, "quick"])
def test_no_clean_variant_selects_on_the_test_set(name, variant):
    for run in runs(name, variant).values():
        config = run.config
        assert config.select_on == "validation" and config.data.validation == 0.1, run.id
        assert config.select == ("swa" if name == "r0_swa" else "best"), run.id


@pytest.mark.parametrize("name", STUDIES)
def test_seeds_give_intervals_and_the_quick_variant_few_images(name):
    assert [load(name, variant).seeds for variant in VARIANTS] == [3, 3, 3, 1]
    for run in runs(name, "quick").values():
        assert run.config.data.name == "cifar10" and run.config.train.epochs <= 3
        assert run.config.data.n_train <= 1422 and run.config.data.n_test <= 1000, run.id


@pytest.mark.parametrize("name", STUDIES)
def test_the_quick_variant_has_whole_batches(name):
    """A short last batch would be one more program to compile."""
    for rows in plan.group(tuple(runs(name, "quick").values())):
        for phase in make_plan(rows).phases:
            assert phase.visits % phase.program.batch == 0, rows[0].id


def test_the_reports_tables_and_the_configs_are_the_same_set():
    assert sorted(TABLES) == STUDIES


TOO_LARGE = {"R2-depth-1202"}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_s_rows_are_its_config_s_members(name):
    """In every variant; :quick may leave out what takes too long for it."""
    rows = {row["member"] for row in TABLES[name]["rows"]}
    for variant in VARIANTS:
        left_out = TOO_LARGE if variant == "quick" else set()
        assert set(runs(name, variant)) == rows - left_out
    assert TABLES[name]["variant"] in VARIANTS


def test_every_row_is_a_member_of_exactly_one_config():
    members = [row for name in STUDIES for row in runs(name)]
    members += [row for variant in ("r0", "r1") for row in runs("bn", variant)]
    assert len(members) == len(set(members))
    ids = [row["id"] for table in TABLES.values() for row in table["rows"]]
    bn = {
        f"{report}-bn-{network}-{lr}"
        for report in ("R0", "R1")
        for network in ("bn", "plain")
        for lr in ("1e-4", "5e-4", "1e-3", "2e-3")
    }
    assert len(ids) == len(set(ids)) and {*ids} | bn == {*members}


VALUES = {
    "test_best", "test_last", "test_swa", "test_loss_best", "test_loss_last", "test_peak",
    "train_accuracy", "train_loss", "val_accuracy", "val_loss", "parameters",
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_published_numbers_have_known_names_and_units(name):
    for row in TABLES[name]["rows"]:
        assert set(row["published"]) <= VALUES and row["setting"], row["id"]
        for key, value in row["published"].items():
            assert key == "parameters" or "loss" in key or 0 < value < 1, (row["id"], key)
        curves = {len(curve) for curve in row.get("curves", {}).values()}
        assert curves <= {load(name, "asrun").base.train.epochs}, row["id"]


# Where :asrun is something else than :published, and the contradiction that says so
C8, C12, C19 = {"select_on"}, {"optim.accumulation"}, {"select_on", "data.validation"}
C21 = {"optim.lr", "schedule.name", "schedule.step_size", "schedule.factor"}
DIFFERENCES = {
    "r1_models": C8, "r1_regularisation": C8, "r3_grid": C19, "r4_ablation": C21 | {"model.bn"},
    **{name: C12 for name in STUDIES if name.startswith("r2_") and name != "r2_depth"},
}  # fmt: skip


def changed(name, member):
    left, right = (
        tree.as_dict(runs(name, variant)[member].config) for variant in ("published", "asrun")
    )
    return {line.split(":")[0] for line in tree.differences(left, right)}


@pytest.mark.parametrize("name", STUDIES)
def test_as_run_differs_where_a_contradiction_says_so_and_nowhere_else(name):
    found = {member: changed(name, member) for member in runs(name, "asrun")}
    assert set().union(*found.values()) == DIFFERENCES.get(name, set())
    if name == "r4_ablation":
        assert found["R4-bn-step-in-force"] == set()
        assert [row for row, paths in found.items() if "model.bn" in paths] == ["R4-ablate-bn"]
    else:
        assert all(paths == DIFFERENCES.get(name, set()) for paths in found.values())


def test_as_run_two_rows_of_the_ablation_differ_by_their_seed_alone():
    step, const = (runs("r4_ablation", "asrun")[f"R4-bn-{row}"] for row in ("step", "const"))
    assert replace(step.config, {
        name: getattr(const.config, name)
        for name in ("seed", "init_seed", "order_seed", "augment_seed")
    }) == const.config  # fmt: skip
    assert step.identity != const.identity


STEPS = [  # an epoch's, as the reports' loaders had them
    ("r0_best", "published", "R0-best", 391), ("r0_resnet", "published", "R0-resnet", 391),
    ("r1_models", "asrun", "R1-canet", 176), ("r2_fcnn", "asrun", "R2-fcnn-sgd-5e-3", 391),
    ("r2_rn16_lu", "asrun", "R2-rn16-lu-elu-adamw-1e-4-wd1e-1", 3125),
    ("r2_mask_rn_rr", "asrun", "R2-mask-rn-rr-rr16-adamw-3e-4-wd3e-2", 1172),
    ("r2_pretrain", "asrun", "R2-pretrain-adamw-2e-4-wd0", 1172),
    ("r3_grid", "asrun", "R3-1", 1563), ("r3_grid", "asrun", "R3-6", 391),
    ("r4_ablation", "asrun", "R4-none", 500),
]  # fmt: skip


@pytest.mark.parametrize("name, variant, member, steps", STEPS)
def test_epochs_have_the_reports_steps(name, variant, member, steps):
    assert make_plan([runs(name, variant)[member]]).phases[0].steps_per_epoch == steps


def rates(name, member, variant="published"):
    """The rate in each epoch's first step."""
    made, found = make_plan([runs(name, variant)[member]]), []
    for phase in made.phases:
        steps = np.arange(phase.start, phase.stop, phase.steps_per_epoch)
        found += phase.rates(phase.plateau, steps)[0].tolist()
    return found


@pytest.mark.parametrize("name, member, expected", [
    ("r0_loss", "R0-loss-ce", {0: 1e-3, 19: 1e-3, 20: 1e-4, 40: 1e-5, 49: 1e-5}),
    ("r0_loss", "R0-loss-ls", {37: 2.601308929e-4, 74: 1.021490663e-5}),
    ("r0_best", "R0-best", {0: 2e-3, 25: 0.001707253228, 50: 0.0010005, 99: 1.493192914e-6}),
    ("r0_swa", "R0-swa", {79: 2.10740065e-4, 80: 1.91887514e-4, 85: 0.025095943757, 99: 0.05}),
    ("r0_resnet", "R0-resnet", {9: 2.447174e-5, 10: 1e-3, 50: 5e-4, 199: 7.858939801e-4}),
    ("r1_models", "R1-canet", {0: 1e-3, 56: 1.016691167e-4, 69: 5.98019134e-5}),
    ("r2_repo", "R2-repo-rc20-sgdwm-steps-1e-1-wd1e-4", {99: 0.1, 100: 0.01, 150: 0.001}),
    ("r2_depth", "R2-depth-20", {99: 0.1, 100: 0.01, 149: 0.01, 150: 0.001}),
    ("r2_depth", "R2-depth-110", {0: 0.1 / 391, 1: 0.1, 99: 0.1, 100: 0.01, 150: 0.001}),
    ("r2_finetune", "R2-finetune-sgd-1e-1-cosine",
     {0: 2e-4, 99: 2e-4, 100: 0.1, 150: 0.05, 200: 0.1, 250: 0.05}),
    ("r2_finetune", "R2-finetune-adamw-2e-3-restarts", {100: 2e-3, 105: 1e-3, 110: 2e-3}),
])  # fmt: skip
def test_rates_follow_the_reports(name, member, expected):
    found = rates(name, member)
    for epoch, rate in expected.items():
        assert found[epoch] == pytest.approx(rate, rel=2e-6), epoch


def test_fine_tuning_begins_with_the_pre_training_of_its_own_figure():
    before = runs("r2_pretrain", "asrun")["R2-pretrain-adamw-2e-4-wd2e-2"].config
    for run in runs("r2_finetune", "asrun").values():
        assert replace(run.config, {"stages": (), "train.epochs": 100}) == before
        first, second, third = make_plan([run]).phases
        assert (first.visits, second.visits, third.visits) == (150_000, 50_000, 50_000)
        assert (first.epoch, second.epoch, third.epoch) == (0, 100, 200)
        assert second.numbers.optim["weight_decay"] == third.numbers.optim["weight_decay"] == 0


LOOKED_INTO = {"r0_activation", "r1_models", "r1_regularisation", "r4_ablation"}


@pytest.mark.parametrize("name", STUDIES)
def test_networks_are_looked_into_where_a_claim_needs_it(name):
    for variant in VARIANTS:
        for run in runs(name, variant).values():
            assert run.config.eval.probes == (name in LOOKED_INTO), run.id
            assert run.config.eval.histograms == name.startswith("r1_"), run.id


def small_study(variant):
    rows = {"a": {"optim.lr": 0.5}, "b": {"seed": 7}, "c": {}}
    return reports.study(
        "s", Config(), rows, variant, published={"optim.lr": 0.1}, asrun={"seed": 3},
        quick={"train.epochs": 1}, only={"asrun": {"c": {"seed": 9}}}, not_quick=("b",),
    )  # fmt: skip


def test_a_variant_s_changes_hold_for_all_rows():
    clean, published, asrun, quick = (small_study(variant) for variant in VARIANTS)
    assert clean.base == Config() and [m.overrides for m in clean.members][1] == {"seed": 7}
    assert published.base.optim.lr == 0.1 and published.members[0] == Member("a", {})
    assert asrun.base.optim.lr == 0.1 and asrun.base.seed == 3
    assert [m.overrides for m in asrun.members] == [{}, {}, {"seed": 9}]
    assert quick.base.train.epochs == 1 and [m.id for m in quick.members] == ["a", "c"]
    with pytest.raises(UserError, match="unknown variant 'quik'; did you mean 'quick'"):
        small_study("quik")


@pytest.mark.parametrize("number, text", [
    (3.5e-4, "3.5e-4"), (0.1, "1e-1"), (0.0, "0"), (1e-5, "1e-5"), (7e-2, "7e-2"), (1.0, "1e0"),
])  # fmt: skip
def test_numbers_in_the_names_of_rows(number, text):
    assert reports.scientific(number) == text


@pytest.mark.slow
@pytest.mark.parametrize("row", TABLES["r1_models"]["rows"], ids=lambda row: row["id"])
def test_published_parameters_are_the_networks_own(row):
    name = runs("r1_models")[row["member"]].config.model.name
    assert models.count(name).parameters == row["published"]["parameters"]


TINY = {
    "data.name": "synthetic", "data.n_train": 10, "data.n_test": 10, "data.validation": 0.2,
    "train.batch_size": 8, "eval.batch_size": 10,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_every_config_trains(name, tmp_path):
    """An image batch or three an epoch of the first and the last group, a member each."""
    study = load(name, "quick")
    groups = plan.group(tuple(runs(name, "quick").values()))
    ids = dict.fromkeys(group[0].id for group in (groups[0], groups[-1]))
    members = tuple(
        Member(m.id, {k: v for k, v in m.overrides.items() if k not in TINY})
        for m in study.members
        if m.id in ids
    )
    tiny = dataclasses.replace(study, base=replace(study.base, TINY), members=members)
    results = jaxcifar.train(tiny, tmp_path / "run")
    assert list(results.summary["members"]) == list(ids)
    for row in results.summary["members"].values():
        assert row["diverged_step"] is None and 0 <= row["test"]["last"]["accuracy"] <= 1
    assert np.isfinite(results.steps["loss"]).any(axis=1).all()


@pytest.mark.parametrize("name", ["r2_mask_rn_rr", "r2_mask_rr1632"])
def test_numbers_are_those_of_the_ids_to_the_last_bit(name):
    for member, run in runs(name).items():
        *_, rate, decay = re.findall(r"\d[\d.]*e-\d+", member)
        assert (run.config.optim.lr, run.config.optim.weight_decay) == (float(rate), float(decay))
