"""Record files that are absent, empty, cut, overwritten or another program's: told in words."""

import json
from pathlib import Path

import numpy as np
import pytest
from made_inside import make_run

from jaxcifar.core.errors import UserError
from jaxcifar.figures import read_inside, read_run
from jaxcifar.records import folder, formats, study_file
from jaxcifar.report import run_records

ARRAYS = {"members": np.array(["a"]), "loss": np.ones((1, 3))}
READERS = {
    "x.json": (formats.write_json, formats.read_json, {"members": {}}, None),
    "x.jsonl": (formats.write_lines, formats.read_lines, [{"member": "a"}], []),
    "x.npz": (formats.write_table, formats.read_table, ARRAYS, {}),
}
DAMAGE = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-3]),
    "emptied": lambda path: path.write_bytes(b""),
    "overwritten": lambda path: path.write_bytes(b"\x00\xff" * 40),
    "another's": lambda path: path.write_text("[1, 2"),
    "of another kind": lambda path: path.write_text("7\n"),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("name", READERS)
def test_what_is_written_comes_back_and_nothing_of_no_file(tmp_path, name):
    write, read, content, nothing = READERS[name]
    assert read(tmp_path / name) == nothing
    write(tmp_path / name, content)
    np.testing.assert_equal(read(tmp_path / name), content)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("name", READERS)
def test_damage_is_the_owner_s_to_mend(tmp_path, name, damage):
    write, read, content, nothing = READERS[name]
    write(tmp_path / name, content)
    damage(tmp_path / name)
    if nothing == [] and (tmp_path / name).is_file() and not (tmp_path / name).stat().st_size:
        assert read(tmp_path / name) == []  # no evaluation yet
        return
    with pytest.raises(UserError, match=f"{name} cannot be read: .+\nrestore it, or train again"):
        read(tmp_path / name)


RUN = {
    "config.json": ["study_file.members", "read_run", "run_records.read"],
    "metrics.jsonl": ["read_run"],
    "steps.npz": ["read_run"],
    "summary.json": ["read_inside", "run_records.read"],
    "environment.json": ["run_records.read"],
    "groups/g/group.json": ["folder.groups"],
    "groups/g/summary.json": ["run_records.read"],
    "groups/g/test.npz": ["read_inside"],
    "groups/g/histograms.npz": ["read_inside"],
    "groups/g/probes.npz": ["read_inside"],
    "groups/g/step_probes.npz": ["read_inside"],
    "groups/g/covariate_shift.npz": ["read_inside"],
    "groups/g/activations.npz": ["read_inside"],
}
DOORS = {
    "study_file.members": study_file.members, "read_run": read_run, "read_inside": read_inside,
    "run_records.read": run_records.read, "folder.groups": folder.groups,
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """A run folder in which every record file is there, and is read."""
    make_run(tmp_path)
    group = next((tmp_path / "groups").iterdir())
    group.rename(tmp_path / "groups" / "g")
    for name in ("group", "summary"):
        content = {"members": {"a": {"seconds": 1.0}}, "numerics": {}}
        formats.write_json(tmp_path / "groups" / "g" / f"{name}.json", content)
    return tmp_path


@pytest.mark.reliability("T17")
@pytest.mark.parametrize(
    ("name", "door", "damage"),
    [
        (n, door, d)
        for n, doors in RUN.items()
        for door in doors
        for d in ("cut", "of another kind")
    ],
)
def test_every_door_names_the_damaged_file(run, name, door, damage):
    DOORS[door](run)
    DAMAGE[damage](run / name)
    with pytest.raises(UserError) as caught:
        DOORS[door](run)
    assert str(run / name) in str(caught.value) and len(str(caught.value).splitlines()) <= 3


OTHERS = [
    {}, {"study": "s", "members": []}, {"study": "s", "members": {}, "data": {}},
    {"study": "s", "members": [{"id": "a"}], "data": {}},
    {"study": "s", "members": [7], "data": {}},
]  # fmt: skip


@pytest.mark.parametrize("content", OTHERS)
def test_a_config_file_of_another_program_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="config.json"):
        study_file.members(tmp_path)


def test_a_folder_that_is_none_is_told():
    with pytest.raises(UserError, match="nowhere is no run folder: it does not exist"):
        study_file.members(Path("nowhere"))
