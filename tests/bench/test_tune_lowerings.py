"""How the script that regenerates the table of lowerings makes its choice from times."""

import pytest

from jaxcifar.models.convolution import Case

DEEP = Case((3, 3), 1, 1, 1, 64, 64, 16)
IMAGE = Case((3, 3), 1, 1, 1, 3, 64, 32)


@pytest.fixture
def tune(monkeypatch):
    from jaxcifar.bench import tune_lowerings

    return tune_lowerings


def times(both=12.0, **changes):
    passes = ("forward", "input_gradient", "kernel_gradient")
    every = {which: {"rows": 9.0, "winograd": 6.0} | changes.get(which, {}) for which in passes}
    return every | {"gradients": {"winograd": both}}


@pytest.mark.parametrize("found, chosen", [
    (times(), "winograd"),
    (times(forward={"wider": 5.5}), "winograd"),  # of 6: no reason to change
    (times(forward={"wider": 4.0}), "wider/winograd/winograd"),
    (times(forward={"wider": 4.0}, input_gradient={"wider": 11.5}), "wider/winograd/winograd"),
    (times(both=20.0, kernel_gradient={"rows": 5.0}), "winograd/winograd/rows"),
    (times(both=7.0, kernel_gradient={"rows": 5.0}), "winograd"),  # what they share counts
    (times(**dict.fromkeys(("forward", "input_gradient", "kernel_gradient"), {"rows": 1.0})),
     "rows"),
])  # fmt: skip
def test_each_pass_takes_its_fastest_unless_what_is_used_is_as_good(tune, found, chosen):
    assert tune.pick(found, "winograd") == chosen


def test_gradients_with_a_transform_in_common_are_kept_together(tune):
    """Both need 12 now; 11.5 apart from each other are no reason to change."""
    apart = times(kernel_gradient={"rows": 5.5})
    assert tune.pick(apart, "winograd") == "winograd"
    assert tune.pick(apart, "rows") == "winograd/winograd/rows"


def test_what_was_not_timed_is_never_chosen(tune):
    found = times(forward={"wider": 1.0})
    assert tune.cost(found, tune.Passes("wider", "wider", "wider")) == float("inf")
    assert tune.pick(found, "winograd") == "wider/winograd/winograd"


def test_candidates_are_what_could_win(tune):
    timed = set(tune.candidates(DEEP))
    assert ("forward", "library") in timed and ("kernel_gradient", "library") not in timed
    assert ("gradients", "winograd") in timed and ("forward", "strips") not in timed
    of_image = {which for which, _ in tune.candidates(IMAGE)}
    assert of_image == {"forward", "kernel_gradient"}, "nobody asks for an image's gradient"
    strided = set(tune.candidates(DEEP._replace(stride=2)))
    assert {form for which, form in strided if which == "input_gradient"} == {"patches", "rows"}


@pytest.mark.slow
def test_a_case_is_timed_pass_by_pass(tune):
    small = Case((3, 3), 1, 1, 1, 4, 4, 8)
    found = tune.time_case(small, batch=2, rounds=1, loops=1)
    assert set(found) == {"forward", "input_gradient", "kernel_gradient", "gradients"}
    assert all(0 < ms < 1e5 for forms in found.values() for ms in forms.values())
    image = tune.time_case(small._replace(cin=3), batch=2, rounds=1, loops=1)
    assert set(image["input_gradient"].values()) == {0.0}
