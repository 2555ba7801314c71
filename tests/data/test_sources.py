"""The order in which places are looked through, and what is said where there is nothing."""

import pytest
from layout_files import pack_bytes

from jaxcifar.core.errors import UserError
from jaxcifar.data.formats.layouts import BINARY, PYTHON
from jaxcifar.data.sources import locate, look, tfds_home, user_cache


def _folder(path, name="data_batch_1.bin"):
    path.mkdir(parents=True)
    (path / name).touch()
    return path


def _tfds(home, name="cifar10-train.array_record-00000-of-00001"):
    folder = _folder(home / "cifar10" / "3.0.2", name)
    (folder / "dataset_info.json").touch()
    return folder


def test_order(tmp_path):
    """Each place wins over those after it; they are filled from the last to the first."""
    environ = {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "TFDS_DATA_DIR": str(tmp_path / "tfds"),
    }
    cached = _folder(user_cache(environ) / BINARY.folder)
    assert locate(None, environ)[:3] == (cached, "folder", "user cache")
    prepared = _tfds(tmp_path / "tfds")
    assert locate(None, environ)[:3] == (prepared, "tfds", "prepared by TFDS")
    environ["JAXCIFAR_DATA"] = str(_folder(tmp_path / "env"))
    assert locate(None, environ)[:3] == (tmp_path / "env", "folder", "$JAXCIFAR_DATA")
    given = _folder(tmp_path / "dir")
    assert locate(str(given), environ)[:3] == (given, "folder", "data.dir")


def test_default_places(tmp_path):
    assert tfds_home({}) == tmp_path / "home" / "tensorflow_datasets"
    assert user_cache({}) == tmp_path / "home" / ".cache" / "jaxcifar"
    prepared = _tfds(tfds_home({}))
    assert locate(None, {"JAXCIFAR_DATA": ""}).path == prepared


def test_a_path_may_be_the_folder_its_parent_or_an_archive(tmp_path):
    archive = pack_bytes(tmp_path / PYTHON.archive, {})
    assert look(archive, "")[:2] == look(tmp_path, "")[:2] == (archive, "archive")
    pack_bytes(tmp_path / BINARY.archive, {})
    assert look(tmp_path, "").path == tmp_path / BINARY.archive
    python = _folder(tmp_path / PYTHON.folder, "data_batch_3")
    assert look(tmp_path, "") == look(python, "") == (python, "folder", "", PYTHON)
    binary = _folder(tmp_path / BINARY.folder)
    assert look(tmp_path, "") == look(binary, "") == (binary, "folder", "", BINARY)


def test_a_tfds_path_may_start_at_any_depth(tmp_path):
    folder = _tfds(tmp_path)
    for path in (tmp_path, tmp_path / "cifar10", folder):
        assert look(path, "")[:2] == (folder, "tfds")


def test_a_home_directory_is_expanded(tmp_path):
    folder = _folder(tmp_path / "home" / "set")
    assert locate("~/set").path == folder


@pytest.mark.parametrize("environ", [{}, {"JAXCIFAR_DATA": "/nowhere"}])
def test_a_place_named_on_purpose_must_hold_one(tmp_path, environ):
    """Even where a later place does: a typo must not train on other data."""
    _folder(user_cache({}) / BINARY.folder)
    directory = None if environ else str(tmp_path)
    with pytest.raises(UserError) as caught:
        locate(directory, environ)
    lines = str(caught.value).splitlines()
    reason = "$JAXCIFAR_DATA), which does not exist" if environ else "data.dir)"
    assert lines[0] == f"no CIFAR-10 in {directory or '/nowhere'} ({reason}"
    assert len(lines) == 3


def test_nothing_anywhere_names_the_ways_out(tmp_path):
    with pytest.raises(UserError) as caught:
        locate(None, {})
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert f"{tfds_home({})}, which does not exist or {user_cache({})}, which" in lines[0]
    assert "--config.data.dir=DIR" in lines[1] and "JAXCIFAR_DATA" in lines[1]
    assert "python -m jaxcifar.data prepare" in lines[1]
    assert "--config.data.name=synthetic" in lines[2]


def test_a_tfrecord_set_is_named_as_the_reason():
    _tfds(tfds_home({}), "cifar10-train.tfrecord-00000-of-00001")
    with pytest.raises(UserError, match="only a TFRECORD set, which needs TensorFlow"):
        locate(None, {})
