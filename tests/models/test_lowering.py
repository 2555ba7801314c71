"""Which lowering carries which convolution: the committed table, and a rule where it is silent."""

import pytest
from test_convolution import CASES

from jaxcifar.models.convolution import LOWERINGS, Case, committed_table, passes
from jaxcifar.models.convolution.choice import LARGE, MIXED, choose, default_rule

VGG = [(3, 64, 32), (64, 128, 16), (128, 256, 8), (256, 256, 8), (256, 512, 4), (512, 512, 4)]


@pytest.mark.parametrize("members", [1, 4])
@pytest.mark.parametrize(("cin", "cout", "size"), [*VGG, (512, 512, 2), (128, 128, 2)])
def test_choice_is_pure_and_never_the_library_on_a_cpu(cin, cout, size, members):
    case = Case((3, 3), 1, 1, 1, cin, cout, size, members)
    chosen = choose(case, "cpu/cpu", committed_table())
    assert chosen == choose(case, "cpu/cpu", committed_table()) != "library"
    assert case.fits(chosen)
    assert choose(case, "gpu/nvidia h200", committed_table()) == "library"


def test_a_row_wins_over_the_rule_and_one_member_speaks_for_many():
    case = Case((3, 3), 1, 1, 1, 64, 64, 8, 4)
    assert choose(case, "cpu/cpu", {}) == default_rule(case, "cpu") == "winograd"
    single = {"cpu/cpu": {"3x3 s1 p1 g1 64>64 @8 m1": "shifts"}}
    assert choose(case, "cpu/cpu", single) == "shifts"
    both = {"cpu/cpu": {**single["cpu/cpu"], case.key: "patches"}}
    assert choose(case, "cpu/cpu", both) == "patches"


@pytest.mark.parametrize("case", CASES)
def test_default_rule_always_covers_its_case(case):
    k, stride, padding, groups, cin, cout, size = case
    known = Case((k, k), stride, padding, groups, cin, cout, size)
    assert known.fits(default_rule(known, "cpu"))
    assert default_rule(known, "cpu") != "library"


RULED = {
    (3, 3, 64, 32): "patches",
    (3, 64, 3, 32): MIXED,
    (3, 16, 16, 32): MIXED,
    (5, 100, 100, 14): "cook_toom",
    (7, 32, 32, 14): LARGE,
    (3, 4, 8, 32): "strips",
    (7, 2, 1, 32): "strips",
    (3, 32, 32, 16): "winograd",
    (3, 16, 16, 4): "winograd",
}


@pytest.mark.parametrize("sizes", RULED)
def test_few_channels_and_large_kernels_go_by_what_each_pass_does_best(sizes):
    k, cin, cout, size = sizes
    assert default_rule(Case((k, k), 1, k // 2, 1, cin, cout, size), "cpu") == RULED[sizes]
    strided = Case((k, k), 2, k // 2, 1, cin, cout, size)
    assert not {"library", "wider"} & {*passes(default_rule(strided, "cpu"))}  # slow backward then


def test_committed_rows_fit_their_cases():
    for rows in committed_table().values():
        names = {name for row in rows.values() for name in passes(row)}
        assert names <= set(LOWERINGS)
