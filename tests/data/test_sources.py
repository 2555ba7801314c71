"""The order in which places are looked through, and what is said where there is nothing."""

import pytest
from layout_files import pack_bytes

from jaxcifar.core.errors import UserError
from jaxcifar.data.formats.layouts import BINARY, PYTHON
from jaxcifar.data.formats.readers import read_folder
from jaxcifar.data.sources import locate, look, tfds_home, user_cache


def _folder(path, name="data_batch_1.bin"):
    path.mkdir(parents=True)
    (path / name).touch()
    return path


def _whole(home, layout):
    folder = home / layout.folder
    folder.mkdir()
    for name in layout.files:
        (folder / name).touch()
    return folder


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
    python = _whole(tmp_path, PYTHON)
    assert look(tmp_path, "") == look(python, "") == (python, "folder", "", PYTHON)
    binary = _whole(tmp_path, BINARY)
    assert look(tmp_path, "") == look(binary, "") == (binary, "folder", "", BINARY)


PARTS = {
    "binary": lambda home: _folder(home / BINARY.folder),
    "python": lambda home: _folder(home / PYTHON.folder, "test_batch"),
    "loose": lambda home: (home / "data_batch_2").touch(),
    "empty": lambda home: (home / BINARY.folder).mkdir(),
}
WHOLES = {
    "binary archive": lambda home: pack_bytes(home / BINARY.archive, {}),
    "python archive": lambda home: pack_bytes(home / PYTHON.archive, {}),
    "binary folder": lambda home: _whole(home, BINARY),
    "python folder": lambda home: _whole(home, PYTHON),
    "tfds": _tfds,
}


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        (p, w)
        for p in PARTS
        for w in WHOLES
        if w != f"{p} folder" and (p, w[:6]) != ("empty", "binary")
    ],
)
def test_what_is_whole_goes_before_what_is_not(tmp_path, part, whole):
    PARTS[part](tmp_path)
    path = WHOLES[whole](tmp_path)
    assert look(tmp_path, "").path == path


@pytest.mark.parametrize("part", ["binary", "python", "loose"])
def test_a_part_alone_is_found_so_that_what_it_lacks_is_named(tmp_path, part):
    PARTS[part](tmp_path)
    source = look(tmp_path, "")
    with pytest.raises(UserError, match=r"lacks .*(data_batch_5|test_batch)"):
        read_folder(source.path, source.layout)


HUNDREDS = {
    "python": ("cifar-100-python", ("train", "test", "meta")),
    "binary": ("cifar-100-binary", ("train.bin", "test.bin", "fine_label_names.txt")),
    "renamed": ("mine", ("train", "test", "meta", "file.txt~")),
    "renamed binary": ("mine", ("train.bin", "test.bin")),
    "archives": (".", ("cifar-100-python.tar.gz", "notes.txt")),
    "tfds": ("cifar100/3.0.2", ("dataset_info.json",)),
}


@pytest.mark.parametrize("kind", HUNDREDS)
def test_cifar_100_is_called_by_its_name(tmp_path, kind):
    """In the folder itself, and in the one around it as far as its name tells."""
    place, names = HUNDREDS[kind]
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    around = [] if place in ("mine", ".") else [tmp_path]
    if kind == "tfds":
        around = [folder.parent, tmp_path]
    for path in (folder, *around):
        with pytest.raises(UserError, match="which has CIFAR-100, another data set\n"):
            locate(str(path), {})
    _whole(folder, BINARY)
    assert locate(str(folder), {}).path == folder / BINARY.folder  # both: no mistake


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
