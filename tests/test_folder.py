"""A group's folder: whose numerics it holds, and who trains in it."""

import pytest

from jaxcifar import folder
from jaxcifar.errors import UserError


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
