"""The page of promises is what reports of tests say."""

import pytest

from jaxcifar import cli
from jaxcifar.bench import reliability_page as made


def case(name, *properties, child=""):
    told = "".join(f'<property name="{k}" value="{v}"/>' for k, v in properties)
    return (f'<testcase classname="tests.core.test_x" name="{name}">'
            f"<properties>{told}</properties>{child}</testcase>")  # fmt: skip


def report(path, *cases):
    path.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return path


def test_cases_are_counted_by_promise_and_test(tmp_path, capsys):
    path = report(
        tmp_path / "tests.xml",
        case("test_many", ("reliability", "T4"), ("tried", "500")),
        case("test_of[a]", ("reliability", "T4"), ("reliability", "T5")),
        case("test_of[b]", ("reliability", "T4"), child="<skipped/>"),
        case("test_else", ("tried", "9")),
    )  # fmt: skip
    found = {(p.promise, p.test): (p.tried, p.outcomes) for p in made.proofs([path])}
    assert found == {
        ("T4", "tests/core/test_x.py::test_many"): (500, {"passed": 1}),
        ("T4", "tests/core/test_x.py::test_of"): (1, {"passed": 1, "skipped": 1}),
        ("T5", "tests/core/test_x.py::test_of"): (1, {"passed": 1}),
    }  # fmt: skip
    out = tmp_path / "page.md"
    assert cli.run(made.main, [str(path), "--out", str(out)]) == 0
    said = out.read_text()
    assert "| **501** |" in said and "| 1 passed, 1 skipped |" in said
    assert said.count("not run") == len(made.PROMISES) - 2
    assert "502 cases of 3 tests" in capsys.readouterr().out


def test_a_later_report_counts_and_a_failure_is_told(tmp_path):
    first = report(tmp_path / "a.xml", case("test_a", ("reliability", "T1"), ("tried", "7")))
    again = report(
        tmp_path / "b.xml", case("test_a", ("reliability", "T1"), child="<failure>no</failure>")
    )
    out = tmp_path / "page.md"
    assert cli.run(made.main, [str(first), str(again), "--out", str(out)]) == 1
    assert "| 1 failed |" in out.read_text() and "| **0** |" in out.read_text()


@pytest.mark.parametrize("text", [None, "", "no xml"])
def test_what_is_no_report_is_refused(tmp_path, text, capsys):
    path = tmp_path / "tests.xml"
    if text is not None:
        path.write_text(text)
    assert cli.run(made.main, [str(path)]) == 2
    assert "is no report of tests" in capsys.readouterr().err


def test_every_promise_that_a_test_names_is_one(request):
    """Of the tests that this run collected."""
    named = {
        mark.args[0] for item in request.session.items for mark in item.iter_markers("reliability")
    }
    assert named <= made.PROMISES.keys()
