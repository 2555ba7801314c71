"""A group's folder: whose numerics it holds, and who trains in it."""

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest
import tiny

from jaxcifar.config import Study, population, replace
from jaxcifar.core import files
from jaxcifar.core.errors import UserError
from jaxcifar.records import folder

STUDY = Study("tiny", tiny.BASE)


def changed(**changes):
    fields = {path.replace("__", "."): value for path, value in changes.items()}
    return dataclasses.replace(STUDY, base=replace(STUDY.base, fields))


@pytest.mark.parametrize("change", [
    {"deterministic": False}, {"checkpoint__keep_every": "1 epoch"},
    {"checkpoint__save_every": "5 steps"}, {"data__dir": "/elsewhere"},
])  # fmt: skip
def test_what_cannot_change_a_number_changes_no_folder_and_no_member(change):
    assert folder.default_workdir(changed(**change)) == folder.default_workdir(STUDY)
    one, two = (population.identity(study.base, "data") for study in (changed(**change), STUDY))
    assert one == two


@pytest.mark.parametrize("change", [{"seed": 1}, {"data__name": "cifar10"}, {"optim__lr": 0.2}])
def test_what_can_has_a_folder_of_its_own(change):
    assert folder.default_workdir(changed(**change)) != folder.default_workdir(STUDY)


def test_default_folders_are_named_after_the_whole_base():
    text = json.dumps(population.content(STUDY.base), sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    assert str(folder.default_workdir(STUDY)) == f"runs/tiny-{digest}"


def test_a_folder_whose_first_write_was_cut_is_new(tmp_path, monkeypatch):
    """By a full disk, of which nothing is left; by a kill, of which a part is."""

    def full(file):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match="no space left"):
            files.write_atomically(tmp_path / "config.json", b"{}")
        assert list(tmp_path.iterdir()) == []
        patch.setattr(Path, "unlink", lambda *_, **__: None)  # as after a kill
        with pytest.raises(OSError, match="no space left"):
            files.write_atomically(tmp_path / "config.json", b"{}")
    assert len(list(tmp_path.iterdir())) == 1
    folder.claim(tmp_path, [])
    (tmp_path / "notes.part").touch()
    with pytest.raises(UserError, match="is not empty and no run folder"):
        folder.claim(tmp_path, [])


def test_other_cores_are_refused_unless_told(tmp_path):
    path, members = tmp_path / "g", ["a"]
    assert folder.open_group(path, members, {"cores": 2}, strict=True) == ""
    assert folder.open_group(path, members, {"cores": 2}, strict=True) == ""
    with pytest.raises(UserError, match="cores: 2 there, 1 here"):
        folder.open_group(path, members, {"cores": 1}, strict=True)
    assert "other numerics" in folder.open_group(path, members, {"cores": 1}, strict=False)


def test_a_group_is_trained_by_one_process_at_a_time(tmp_path):
    with folder.locked(tmp_path / "g"):
        with pytest.raises(UserError, match="being trained by another process"):
            with folder.locked(tmp_path / "g"):
                pass
    with folder.locked(tmp_path / "g"):
        pass
