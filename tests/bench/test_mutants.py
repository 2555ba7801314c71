"""The mutation tool: what it changes, and that a test that notices nothing is told."""

import ast

import pytest

from jaxcifar.bench import mutants as made

CHANGES = {  # source -> its changes
    "x = a < b": ["a <= b"],
    "x = a + b * c": ["a - b * c", "b / c"],
    "x = not a": ["a"],
    "x = 3": ["4"],
    "x = True": ["False"],
    "f(a, key=1)": ["pass", "f(a)", "2"],
    "x = a if b else c": ["c if b else a"],
    "for a in b:\n    continue": ["pass"],
    "def f(a: int | None = None) -> 'x':\n    return a": [],
    "raise ValueError(f'{a + 1}')": [],
    "x = 'text'": [],
}


@pytest.mark.parametrize("source", CHANGES)
def test_changes(source, tmp_path, monkeypatch):
    monkeypatch.setattr(made, "CHECKOUT", tmp_path)
    path = tmp_path / "jaxcifar" / "x.py"
    path.parent.mkdir()
    path.write_text(source + "\n")
    found = list(made.mutants("losses", path))
    assert sorted(m.after.strip("()") for m in found) == sorted(
        change.strip("()") for change in CHANGES[source]
    )
    for mutant in found:
        assert ast.dump(ast.parse(mutant.of(source))) != ast.dump(ast.parse(source))
        assert mutant.name.startswith("x.py:")


def test_the_draw_is_even_and_the_same_every_time():
    rooms = ["losses", "bands", "verdicts"]
    one, two = (made.sample(rooms, 30, seed=1) for _ in range(2))
    assert [m.name for m in one] == [m.name for m in two]
    assert [sum(m.room == room for m in one) for room in rooms] == [10, 10, 10]
    assert one != made.sample(rooms, 30, seed=2)


def test_every_room_has_code_and_tests():
    for room, (_, tests) in made.ROOMS.items():
        assert all(file.is_file() for file in made.files_of(room))
        assert all((made.CHECKOUT / "tests" / name).exists() for name in tests)
        assert sum(1 for file in made.files_of(room) for _ in made.mutants(room, file)) > 15


@pytest.mark.parametrize("noticed", [True, False])
def test_a_mutant_lives_where_no_test_notices(tmp_path, monkeypatch, noticed):
    (tmp_path / "jaxcifar").mkdir()
    (tmp_path / "jaxcifar" / "code.py").write_text("ONE = 1\n")
    (tmp_path / "tests").mkdir()
    read = "from pathlib import Path\ntext = Path('jaxcifar/code.py').read_text()\n"
    wanted = "'1'" if noticed else "'ONE'"
    (tmp_path / "tests" / "test_it.py").write_text(f"{read}def test_it(): assert {wanted} in text")
    monkeypatch.setattr(made, "CHECKOUT", tmp_path)
    monkeypatch.setitem(made.ROOMS, "bands", made.Room(("code.py",), ("test_it.py",)))
    (mutant,) = made.sample(["bands"], 5, seed=0)
    assert made.killed(mutant, tmp_path, seconds=60) == noticed
    assert (tmp_path / "jaxcifar" / "code.py").read_text() == "ONE = 1\n"
