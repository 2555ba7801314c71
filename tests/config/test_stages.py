"""Stages of a run: when each begins, what it may change, and that a switch of optimizers is one."""

import numpy as np
import pytest
import tiny
from compiles import Compiles

from jaxcifar import cli, programs
from jaxcifar.config import Config, Stage, Study, population, replace, stages, tree
from jaxcifar.core import hardware
from jaxcifar.core.errors import UserError
from jaxcifar.planning import plan, resolve
from jaxcifar.training import engine
from jaxcifar.training.book import new_book

SGD = {"optim.name": "sgd", "optim.momentum": 0.9}
SWITCH = {
    "optim.name": "adamw", "optim.lr": 1e-3, "optim.weight_decay": 1e-3, "train.epochs": 70,
    "schedule.name": "exponential", "schedule.factor": 0.96, "stages": (Stage(0.8, SGD),),
}  # fmt: skip


def make_plan(overrides, n_train=40, *members):
    base = replace(Config(), {"data.name": "synthetic"} | overrides)
    rows = tiny.members(*members, base=base)
    return plan.make_plan(rows, n_train, hardware.Hardware("cpu", "cpu", 1, 2))


def rates(made):
    """(M, S) rates of a run that observes nothing."""
    parts, plateau = [], None
    for phase in made.phases:
        plateau = phase.plateau if phase.plateau is not None else plateau
        parts.append(phase.rates(plateau, np.arange(phase.start, phase.stop)))
    return np.concatenate(parts, axis=1)


def test_the_switch_of_optimizers_follows_the_reference():
    """Epochs 0..55 AdamW, 56..69 SGD, lr(e) = 1e-3 * 0.96^e throughout, coupled decay kept."""
    made = make_plan(SWITCH, 256)
    first, second = made.phases
    assert (first.program.optimizer, second.program.optimizer) == ("adamw", "sgd")
    assert (second.epoch, second.start, made.n_step) == (56, 112, 140)
    lr = rates(made)[0, ::2]
    expected = {0: 1e-3, 55: 1.059053298e-4, 56: 1.016691167e-4, 69: 5.98019134e-5}
    for epoch, value in expected.items():
        assert lr[epoch] == pytest.approx(value, rel=1e-9)
    numbers = {name: float(value[0]) for name, value in second.numbers.optim.items()}
    assert numbers == pytest.approx({"momentum": 0.9, "weight_decay": 1e-3})


def test_a_stage_with_its_own_rate_begins_its_own_schedule():
    """Cosine over the stage's own epochs; another batch size gives epochs of another length."""
    tune = {"optim.lr": 0.1, "schedule.name": "cosine", "train.batch_size": 8}
    made = make_plan({"train.epochs": 6, "train.batch_size": 16, "optim.lr": 0.5,
                      "stages": (Stage(0.5, {}), Stage(4 / 6, tune))})  # fmt: skip
    assert [(p.epoch, p.start, p.stop, p.steps_per_epoch) for p in made.phases] == [
        (0, 0, 9, 3), (3, 9, 12, 3), (4, 12, 22, 5),
    ]  # fmt: skip
    assert rates(made)[0].tolist() == [0.5] * 12 + [0.1] * 5 + [0.05] * 5
    assert made.events.evaluate == (3, 6, 9, 12, 17, 22)
    assert [made.epochs_after(step) for step in (1, 12, 17, 22)] == [1 / 3, 4, 5, 6]


def test_plateau_goes_on_through_a_switch_and_begins_anew_with_a_schedule():
    plateau = {"train.epochs": 4, "schedule.name": "plateau"}
    switched = make_plan(plateau | {"stages": (Stage(0.5, {"optim.name": "adamw"}),)})
    assert switched.phases[1].plateau is None
    fresh = make_plan(plateau | {"stages": (Stage(0.5, {"optim.lr": 0.5}),)})
    assert fresh.phases[1].plateau.rate.tolist() == [0.5]


def test_fractions_are_of_the_epochs_whatever_binary_makes_of_them():
    assert [stages.epoch_at(*row) for row in ((0.8, 70), (0.29, 100), (0.5, 3), (1 / 3, 300))] == [
        56, 29, 1, 100,
    ]  # fmt: skip


@pytest.mark.parametrize("rows, words", [
    ((Stage(0.1, {}),), "stages.0.at=0.1 of 4 epochs is epoch 0"),
    ((Stage(1.0, {}),), "leaves no epoch"),
    ((Stage(0.5, {}), Stage(0.6, {})), "stages.1.at=0.6"),
    ((Stage(0.5, {"data.n_train": 5}),), "stages.0 cannot change data.n_train"),
    ((Stage(0.5, {"train.epochs": 5}),), "cannot change train.epochs"),
    ((Stage(0.5, {"seed": 5}),), "cannot change seed"),
    ((Stage(0.5, {"optim": 5}),), "cannot change optim"),
    ((Stage(0.5, {"model.norm": "batch"}),), "stages.0 cannot make another network"),
    ((Stage(0.5, {"optim.momentum": 0.5}),), "optim.momentum=0.5 has no effect on 'adam'"),
    ((Stage(0.5, {"optim.lr": -1.0}),), "optim.lr=-1.0 is out of range"),
])  # fmt: skip
def test_stages_that_are_refused(rows, words):
    config = replace(Config(), {"model.name": "vgg_a", "train.epochs": 4, "stages": rows})
    with pytest.raises(UserError) as error:
        resolve.resolve_stages(config)
    assert words in str(error.value) and len(str(error.value).splitlines()) <= 3


ADAM = {"optim.name": "adam", "optim.b1": 0.95}
FOCAL = {"loss.name": "focal", "loss.gamma": 3.0}
STEPS = {"schedule.name": "step", "schedule.step_size": 1}
TURNS = {"data.augment": ("rotation",), "data.rotation_degrees": 5.0}


@pytest.mark.parametrize("base, changes, kept", [
    (ADAM, SGD, {"optimizer": "sgd"}),
    (FOCAL, {"loss.name": "cross_entropy"}, {"loss": "cross_entropy"}),
    (STEPS, {"schedule.name": "cosine"}, {}),
    (STEPS | {"schedule.swa_start": 1, "schedule.swa_lr": 0.1, "schedule.swa_ramp": 1},
     {"schedule.name": "plateau"}, {}),
    (TURNS, {"data.augment": ("hflip",)}, {"augment": (("hflip", ()),)}),
    (TURNS, {"data.augment": ()}, {"augment": ()}),
])  # fmt: skip
def test_an_option_of_the_first_stage_s_component_is_let_be_in_the_next(base, changes, kept):
    """It reaches what it was meant for, a switch back takes it up again, the next has defaults."""
    rows = (Stage(0.5, changes), Stage(0.75, {k: v for k, v in base.items() if "." in k}))
    config = replace(Config(), base | {"train.epochs": 8, "stages": rows})
    first, second, third = resolve.resolve_stages(config)
    assert all(getattr(second.program, name) == value for name, value in kept.items())
    alone = resolve.resolve(replace(Config(), changes | {"train.epochs": 4}))
    for name in ("optim", "loss", "augment"):
        assert second.numbers[name].keys() == alone.numbers[name].keys()
    assert second.schedule.options.keys() == alone.schedule.options.keys()
    assert third.numbers == first.numbers and third.schedule == first.schedule


@pytest.mark.parametrize("base, rows, words", [
    (ADAM, (Stage(0.5, SGD | {"optim.b1": 0.9}),), "stages.0: optim.b1=0.9 has no effect on 'sgd'"),
    (ADAM, (Stage(0.5, SGD), Stage(0.75, {"optim.b2": 0.9})), "stages.1: optim.b2=0.9 has no effe"),
    ({}, (Stage(0.5, {"loss.gamma": 2.0}),), "stages.0: loss.gamma=2.0 has no effect on 'cross_en"),
    ({}, (Stage(0.5, {"schedule.factor": 0.5}),), "stages.0: schedule.factor=0.5 has no effect on"),
    ({}, (Stage(0.5, {"data.rotation_degrees": 5.0}),), "stages.0: data.rotation_degrees=5.0 has"),
    ({"optim.momentum": 0.9}, (Stage(0.5, SGD),), "before stages.0: optim.momentum=0.9 has no"),
    ({}, (Stage(0.5, {"optim.lr": -1.0}),), "stages.0: optim.lr=-1.0 is out of range"),
    ({}, (Stage(0.5, {"schedule.name": "step"}),), "stages.0: schedule 'step' needs step_size"),
    (ADAM, (Stage(0.5, {"optim.name": "schedule_free_sgd", "optim.b1": 0.0}),),
     "stages.0: optim.b1=0.0 stops 'schedule_free_sgd'"),
    ({"schedule.warmup": 5.0, "train.epochs": 8}, (Stage(0.5, {"optim.lr": 0.1}),),
     "before stages.0: schedule.warmup=5.0 is beyond the schedule's 4 epochs"),
])  # fmt: skip
def test_what_a_stage_names_itself_is_refused_by_its_name(base, rows, words):
    config = replace(Config(), {"train.epochs": 4} | base | {"stages": rows})
    with pytest.raises(UserError) as error:
        resolve.resolve_stages(config)
    assert str(error.value).startswith(words) and len(str(error.value).splitlines()) <= 3


def test_flags_make_and_change_stages():
    study, _ = cli.apply_overrides(Study("s", Config()), [
        ("stages.0.optim.name", "sgd"), ("stages.0.at", "0.8"), ("stages.1.at", "0.9"),
        ("stages.1.data.augment", "crop"),
    ])  # fmt: skip
    expected = (Stage(0.8, {"optim.name": "sgd"}), Stage(0.9, {"data.augment": ("crop",)}))
    assert study.base.stages == expected
    again, _ = cli.apply_overrides(study, [("stages.0.at", "0.5"), ("stages.0.optim.lr", "1")])
    assert again.base.stages == (
        Stage(0.5, {"optim.name": "sgd", "optim.lr": 1.0}), expected[1],
    )  # fmt: skip


@pytest.mark.parametrize("override, words", [
    (("stages", "x"), "name one of: stages.0.at"), (("stages.0.optim.lrr", "1"), "did you mean"),
    (("stages.0.optim.lr", "1"), "stages.0.at=None"), (("stages.1.at", "1"), "no stage 0"),
    (("stages.0.at", "late"), "expected: a number"),
])  # fmt: skip
def test_flags_that_make_no_stage(override, words):
    with pytest.raises(UserError, match=words):
        cli.apply_overrides(Study("s", Config()), [override])


def test_stages_are_part_of_a_config_s_json_and_identity():
    config = replace(Config(), {"stages": (Stage(0.5, {"data.augment": ("crop",)}),)})
    assert tree.from_dict(tree.as_dict(config)) == config
    later = replace(config, {"stages.0.at": 0.6})
    names = {population.identity(c, "data") for c in (Config(), config, later)}
    assert len(names) == 3


def test_members_of_one_group_may_differ_in_a_stage_s_numbers():
    base = replace(tiny.BASE, {"stages": (Stage(0.5, {"optim.lr": 0.1}),)})
    rows = tiny.members(
        {"stages.0.optim.lr": 0.2}, {"stages.0.optim.momentum": 0.5},
        {"stages.0.data.augment": ()}, {"stages": ()}, base=base,
    )  # fmt: skip
    assert [[m.id for m in group] for group in plan.group(rows)] == [["m0", "m1"], ["m2"], ["m3"]]
    made = plan.make_plan(rows[:2], tiny.N_TRAIN, hardware.Hardware("cpu", "cpu", 1, 2))
    np.testing.assert_array_equal(rates(made), [[0.01] * 3 + [0.2] * 3, [0.01] * 3 + [0.1] * 3])
    assert made.phases[1].numbers.optim["momentum"].tolist() == pytest.approx([0.9, 0.5])


STAGED = {
    "optim.name": "adamw", "optim.momentum": None, "data.augment": (), "train.batch_size": 8,
    "train.epochs": 3, "stages": (
        Stage(0.34, SGD | {"data.augment": ("hflip",), "train.batch_size": 16}),
        Stage(0.67, {"optim.lr": 0.1, "optim.momentum": 0.5, "loss.smoothing": 0.1}),
    ),
}  # fmt: skip


@pytest.mark.reliability("T6")
def test_stages_change_optimizer_augmentation_and_batch_and_resume_anywhere():
    """Weights stay, the optimizer state is fresh, any cut and any snapshot give the same bits.

    The third stage has the structure of the second, so it runs the same programs.
    """
    members = ({"optim.lr": 0.01}, {"optim.lr": 0.003})
    made = tiny.make_plan(*members, n_train=32, base=replace(tiny.BASE, STAGED))
    assert made.phases[1].program == made.phases[2].program
    data, saved = tiny.images_of(made, n_train=32), []
    with Compiles() as compiles:
        ended = tiny.run(made, data, saved=saved)
    assert compiles.of("segment") == 2, compiles.names
    assert [int(s.cursor.step) for s in saved] == [4, 6, 8] and int(ended.cursor.phase) == 2
    for snapshot in saved[:2]:
        tiny.assert_same_bits(tiny.run(made, data, snapshot), ended)
    entered = tiny.host(engine.enter(made, 1, tiny.placed(made, saved[0])))
    tiny.assert_same_bits(entered.state.params, saved[0].state.params)
    assert all((leaf == 0).all() for leaf in tiny.leaves(entered.state.opt_state))
    assert any((leaf != 0).any() for leaf in tiny.leaves(saved[0].state.opt_state))
    assert ended.book.rows["epoch"].tolist() == [[1, 2, 3]] * 2
    assert ended.book.plateau.rate.tolist() == [0.1, 0.1], "the last stage's own schedule"
    np.testing.assert_array_equal(ended.book.steps["lr"][:, 3:], [
        [0.01, 0.01, 0.01, 0.1, 0.1], [0.003, 0.003, 0.003, 0.1, 0.1],
    ])  # fmt: skip
    np.testing.assert_allclose(
        ended.book.rows["train_loss"][:, 1], ended.book.steps["loss"][:, 4:6].mean(1)
    )


def test_masked_pre_training_then_fine_tuning_is_one_run():
    """Three copies of the images an epoch under masks, one afterwards; labels may be mixed then."""
    masks = {"data.augment": ("vflip", "hflip", "block_mask"), "data.mask_size": (4, 2, 1),
             "data.mask_rate": (0.9, 0.9, 0.9), "train.epochs": 6,
             "optim.name": "adamw", "optim.lr": 2e-4, "optim.weight_decay": 2e-2}  # fmt: skip
    tune = {"data.augment": ("heavy", "mix"), "data.mask_size": None, "data.mask_rate": None,
            "optim.name": "sgd", "optim.lr": 0.1, "optim.weight_decay": 0.0,
            "schedule.name": "cosine"}  # fmt: skip
    again = {"optim.lr": 0.05}
    made = make_plan(masks | {"stages": (Stage(1 / 3, tune), Stage(2 / 3, again))}, 300)
    assert [(p.visits, p.steps_per_epoch, p.epoch) for p in made.phases] == [
        (900, 8, 0), (300, 3, 2), (300, 3, 4),
    ]  # fmt: skip
    assert [round(float(rate), 6) for rate in rates(made)[0, [0, 15, 16, 19, 22, 25]]] == [
        2e-4, 2e-4, 0.1, 0.05, 0.05, 0.025,
    ]  # fmt: skip
    assert made.batch_sizes().tolist() == [128] * 7 + [4] + [128] * 7 + [4] + 4 * [
        128, 128, 44,
    ]  # fmt: skip
    book = new_book(made)
    assert book.steps["correct"].dtype == np.float32 and book.steps["loss"].shape == (1, 28)
    assert made.events.evaluate == (8, 16, 19, 22, 25, 28)


@pytest.mark.slow
@pytest.mark.parametrize("before", ["schedule_free_adamw", "lion", "sam"])
def test_a_switch_starts_from_the_weights_that_were_scored(before):
    """From any optimizer; schedule-free is scored with other weights than it steps from."""
    base = replace(tiny.BASE, {
        "optim.name": before, "optim.momentum": None, "data.augment": (), "train.epochs": 4,
        "stages": (Stage(0.5, SGD),),
    })  # fmt: skip
    made, saved = tiny.make_plan(base=base, n_train=16), []
    ended = tiny.run(made, tiny.images_of(made, n_train=16), saved=saved)
    assert np.isfinite(ended.book.steps["loss"]).all()
    state = saved[1].state
    entered = tiny.host(engine.enter(made, 1, tiny.placed(made, saved[1]))).state
    tiny.assert_same_bits(entered.params, programs.weights(made.phases[0].program, state)["params"])
    same = all(
        (a == b).all() for a, b in zip(*map(tiny.leaves, (entered.params, state.params)),
                                       strict=True)
    )  # fmt: skip
    assert same == (not before.startswith("schedule_free"))
