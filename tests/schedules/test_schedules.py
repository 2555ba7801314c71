"""Schedules against printed values and PyTorch's recorded rates."""

import json

import numpy as np
import places
import pytest

from jaxcifar import schedules
from jaxcifar.core.errors import UserError
from jaxcifar.schedules import Clock, make_schedule

GOLDEN = np.load(places.GOLDEN / "schedules.npz")
CASES = json.loads(str(GOLDEN["cases"]))


def per_epoch(epochs, of=200):
    return Clock(np.asarray(epochs), steps_per_epoch=1, epochs=of)


def replay(options, lr0, metrics):
    """The rate after each of the metrics under plateau."""
    plateau, state, out = [make_schedule("plateau", **options)], schedules.plateau_init([lr0]), []
    for metric in metrics:
        state = schedules.observe(plateau, state, np.array([metric]))
        out.append(state.rate[0])
    return np.array(out)


PRINTED = [  # name, lr0, options, epochs, rates
    ("constant", 0.3, {}, [0, 199], [0.3, 0.3]),
    (
        "step",
        1e-3,
        {"step_size": 20},
        [0, 19, 20, 39, 40, 49],
        [1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5],
    ),
    ("multi_step", 0.1, {"milestones": (100, 150)}, [99, 100, 149, 150], [0.1, 0.01, 0.01, 0.001]),
    (
        *("exponential", 1e-3, {"factor": 0.96}, [10, 55, 56, 69]),
        [6.64832636e-4, 1.059053298e-4, 1.016691167e-4, 5.98019134e-5],
    ),
    (
        *("cosine", 0.002, {"t_max": 100, "min_lr": 1e-6}, [25, 50, 75, 99]),
        [0.001707253228, 0.0010005, 2.937467722e-4, 1.493192914e-6],
    ),
    (
        *("cosine", 5e-4, {"t_max": 75, "min_lr": 1e-5}, [37, 74]),
        [2.601308929e-4, 1.021490663e-5],
    ),
    (
        *("cosine", 0.002, {"t_max": 100, "min_lr": 1e-6, "swa_start": 80, "swa_lr": 0.05}),
        [0, 1, 40, 79, 80, 81, 82, 85, 89, 90, 99],
        [0.002, 0.001999506807, 0.001309362486, 0.000210740065, 0.000191887514, 0.005172698763]
        + [0.010153510012, 0.025095943757, 0.04501918875, 0.05, 0.05],
    ),
    (
        *("warm_restarts", 1e-3, {"t_0": 10, "t_mult": 2}, [5, 9, 10, 29, 50, 149, 150, 199]),
        [5e-4, 2.447174e-5, 1e-3, 6.155830e-6, 5e-4, 3.854819e-7, 1e-3, 7.858939801e-4],
    ),
]


@pytest.mark.parametrize("name, lr0, options, epochs, expected", PRINTED)
def test_printed_values(name, lr0, options, epochs, expected):
    rates = make_schedule(name, **options).rate(lr0, per_epoch(epochs))
    assert rates.dtype == np.float64
    np.testing.assert_allclose(rates, expected, rtol=2e-7)


@pytest.mark.parametrize("i", range(len(CASES)), ids=lambda i: f"{i}-{CASES[i]['name']}")
def test_equals_pytorch(i):
    case, expected = CASES[i], GOLDEN["rates"][i]
    if case["name"] == "plateau":
        rates = replay(case["options"], case["lr0"], GOLDEN["metric"][:-1])
        rates = np.concatenate([[case["lr0"]], rates])
    else:
        rates = make_schedule(case["name"], **case["options"]).rate(
            case["lr0"], per_epoch(np.arange(200))
        )
    assert len(set(expected)) > (case["name"] != "constant")
    np.testing.assert_allclose(rates, expected, rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize(
    "options, metrics, expected",
    [
        (
            {"patience": 3, "factor": 0.2, "threshold": 1e-3, "cooldown": 2},
            [1.0] * 17,
            [1] * 4 + [0.2] * 6 + [0.04] * 6 + [0.008],
        ),
        ({"patience": 5, "factor": 0.5}, [1.0] * 18, [1] * 6 + [0.5] * 6 + [0.25] * 6),
        (
            {"patience": 1, "factor": 0.5, "threshold": 1e-3},
            [1, 0.9995, 0.9995, 0.9989] + [0.9985] * 5,
            [1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125],
        ),
    ],
)
def test_plateau_printed_values(options, metrics, expected):
    np.testing.assert_allclose(replay(options, 1.0, metrics), expected, rtol=1e-12)


def test_plateau_counts_nan_as_not_better():
    np.testing.assert_allclose(replay({"patience": 1}, 1.0, [1.0, np.nan, np.nan]), [1, 1, 0.1])


def test_plateau_leaves_changes_of_1e_8_or_less():
    np.testing.assert_array_equal(replay({"patience": 0}, 1.1e-8, [1.0, 1.0]), [1.1e-8, 1.1e-8])
    np.testing.assert_allclose(replay({"patience": 0}, 1.2e-8, [1.0, 1.0]), [1.2e-8, 1.2e-9])


def test_plateau_stops_at_the_lowest_rate():
    np.testing.assert_allclose(
        replay({"patience": 0, "min_lr": 0.03}, 1.0, [1.0] * 4), [1, 0.1, 0.03, 0.03]
    )


def test_members_of_one_group_may_have_any_schedule():
    group = [
        make_schedule("cosine"),
        make_schedule("plateau", patience=0, factor=0.5),
        make_schedule("plateau", patience=1, threshold_mode="abs"),
        make_schedule("constant"),
    ]
    lr0 = np.array([0.1, 0.2, 0.3, 0.4])
    state = schedules.plateau_init(lr0)
    for _ in range(2):
        state = schedules.observe(group, state, np.ones(4))
    clock = Clock(np.arange(4, 8), steps_per_epoch=2, epochs=10)
    rates = schedules.rates(group, lr0, clock, state)
    assert rates.shape == (4, 4) and rates.dtype == np.float64
    cosine = [0.05 * (1 + np.cos(np.pi * e / 10)) for e in (2, 2, 3, 3)]
    np.testing.assert_allclose(rates, [cosine, [0.1] * 4, [0.3] * 4, [0.4] * 4])
    state = schedules.observe(group, state, np.ones(4))
    np.testing.assert_allclose(state.rate, [0.1, 0.05, 0.03, 0.4])
    assert all(field.shape == (4,) and field.dtype == np.float64 for field in state)


def test_observe_leaves_the_old_state_alone():
    group, state = [make_schedule("plateau", patience=0)], schedules.plateau_init([1.0])
    first = schedules.observe(group, state, np.ones(1))
    schedules.observe(group, first, np.ones(1))
    assert state.best[0] == np.inf and first.rate[0] == 1.0


def test_rates_change_at_the_ends_of_epochs():
    clock = Clock(np.arange(391 * 3), steps_per_epoch=391, epochs=3)
    rates = make_schedule("step", step_size=1, factor=0.1).rate(1.0, clock)
    np.testing.assert_allclose(rates, np.repeat([1, 0.1, 0.01], 391))


def test_clock_knows_the_fraction_of_an_epoch():
    clock = Clock(np.array([0, 1, 4, 7]), steps_per_epoch=4, epochs=2)
    np.testing.assert_array_equal(clock.epoch, [0, 0, 1, 1])
    np.testing.assert_array_equal(clock.position, [0, 0.25, 1, 1.75])


def test_one_step_gives_one_number():
    rate = make_schedule("cosine").rate(0.1, Clock(5, steps_per_epoch=1, epochs=10))
    assert rate.shape == () and rate == pytest.approx(0.05)


def test_warm_up_rises_step_by_step_and_the_schedule_begins_after_it():
    """Half an epoch of four steps, then a step at every epoch since."""
    clock = Clock(np.arange(12), steps_per_epoch=4, epochs=3)
    rates = make_schedule("step", step_size=1, factor=0.1, warmup=0.5).rate(1.0, clock)
    np.testing.assert_allclose(rates, [0.5, 1, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_warm_up_leaves_the_rest_of_the_run_to_a_schedule_over_the_run():
    clock = Clock(np.array([7, 8, 12, 16]), steps_per_epoch=4, epochs=4)
    rates = make_schedule("cosine", warmup=2.0).rate(1.0, clock)
    np.testing.assert_allclose(rates, [1, 1, 0.5, 0], atol=1e-15)


def test_warm_up_before_plateau():
    group, state = [make_schedule("plateau", warmup=1)], schedules.plateau_init([0.8])
    rates = schedules.rates(group, np.ones(1), Clock(np.arange(6), 4, 9), state)
    np.testing.assert_allclose(rates, [[0.2, 0.4, 0.6, 0.8, 0.8, 0.8]])


def test_warm_up_reaches_the_ramp_of_weight_averaging():
    schedule = make_schedule("constant", warmup=4, swa_start=2, swa_lr=0.1, swa_ramp=2)
    np.testing.assert_allclose(
        schedule.rate(1.0, per_epoch(np.arange(6))), [0.25, 0.5, 0.75, 0.425, 0.1, 0.1]
    )


def test_one_cycle_changes_at_every_step_and_ends_with_the_run():
    schedule = make_schedule("one_cycle")
    by_step = schedule.rate(0.1, Clock(np.arange(200), steps_per_epoch=8, epochs=25))
    np.testing.assert_array_equal(by_step, schedule.rate(0.1, per_epoch(np.arange(200))))
    assert by_step.argmax() == 59 and by_step.max() == pytest.approx(0.1)
    np.testing.assert_allclose(by_step[[0, -1]], [0.1 / 25, 0.1 / 25 / 1e4])


@pytest.mark.parametrize("n_step", [1, 2, 3, 4])
def test_one_cycle_of_a_few_steps_stays_finite(n_step):
    rates = make_schedule("one_cycle").rate(0.1, per_epoch(np.arange(n_step), of=n_step))
    assert np.isfinite(rates).all() and (rates > 0).all() and (rates <= 0.1).all()


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("cosin", {}, "unknown schedule 'cosin'; did you mean 'cosine'"),
        (
            "constant",
            {"factor": 0.1},
            "'constant' has no option 'factor'\nit takes: swa_lr, swa_ramp, swa_s",
        ),
        ("step", {}, "'step' needs step_size"),
        ("step", {"step_size": 0}, "step_size is 0\nat least 1"),
        ("plateau", {"threshold_mode": "relative"}, "unknown threshold_mode 'relative'"),
        ("plateau", {"swa_start": 3}, "'plateau' has no option 'swa_start'"),
        ("cosine", {"swa_lr": 0.1}, "swa_lr has no effect without swa_start"),
        ("cosine", {"swa_start": 3}, "swa_start needs swa_lr"),
        ("cosine", {"swa_start": 3, "swa_lr": 0.1, "swa_ramp": 0}, "swa_ramp is 0\nat least 1"),
        ("cosine", {"warmup": -1}, "warmup is -1\nat least 0"),
    ],
)
def test_mistakes_are_refused(name, options, message):
    with pytest.raises(UserError, match=message):
        make_schedule(name, **options)


SWA = {"swa_start": 3, "swa_lr": 0.1}


@pytest.mark.parametrize("name, option, lowest, others", [
    ("step", "step_size", 1, {}), ("cosine", "t_max", 1, {}), ("warm_restarts", "t_0", 1, {}),
    ("warm_restarts", "t_mult", 1, {"t_0": 2}), ("plateau", "patience", 0, {}),
    ("plateau", "cooldown", 0, {}), ("constant", "warmup", 0, {}), ("cosine", "swa_start", 0, SWA),
    ("cosine", "swa_ramp", 1, SWA),
])  # fmt: skip
def test_the_lowest_value_is_taken_and_none_below(name, option, lowest, others):
    make_schedule(name, **others | {option: lowest})
    with pytest.raises(UserError, match=f"{option} is {lowest - 1}\nat least {lowest}"):
        make_schedule(name, **others | {option: lowest - 1})


DEFAULTS = {  # a run that names no option has these; None = must be given, or follows from the run
    "constant": {}, "step": {"step_size": None, "factor": 0.1},
    "multi_step": {"milestones": None, "factor": 0.1}, "exponential": {"factor": None},
    "cosine": {"t_max": None, "min_lr": 0.0},
    "warm_restarts": {"t_0": None, "t_mult": 1, "min_lr": 0.0},
    "one_cycle": {"pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 1e4},
    "plateau": {"factor": 0.1, "patience": 10, "threshold": 1e-4, "threshold_mode": "rel",
                "cooldown": 0, "min_lr": 0.0},
}  # fmt: skip


def test_defaults_are_part_of_every_result():
    ramp = {"swa_start": None, "swa_lr": None, "swa_ramp": None}
    found = {name: dict(row.options) for name, row in schedules.SCHEDULES.items()}
    assert found == {
        name: {"warmup": 0.0, **own, **({} if name == "plateau" else ramp)}
        for name, own in DEFAULTS.items()
    }
