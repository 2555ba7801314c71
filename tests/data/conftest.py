"""A bare home for every test; full-size random sets, and real images where there are some."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from layout_files import random_records, write_set

from jaxcifar.data.formats.layouts import BINARY


@pytest.fixture(autouse=True)
def _bare_home(tmp_path, monkeypatch):
    """No test finds, or leaves, anything in the user's own places."""
    for name in ("JAXCIFAR_DATA", "TFDS_DATA_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def random_set(tmp_path_factory):
    """A parent folder with a full-size binary set of random bytes, and its records."""
    parent = tmp_path_factory.mktemp("random")
    records = random_records(60_000)
    write_set(parent / BINARY.folder, BINARY, records)
    return parent, records


@pytest.fixture(scope="session")
def jpeg_set(tmp_path_factory):
    """All 60,000 real images (JPEG quality) in every layout; skips where there are none."""
    source = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not (source / "cifar10-jpeg.tar").is_file():
        pytest.skip(f"no real images: {source}/cifar10-jpeg.tar is missing")
    out = tmp_path_factory.mktemp("jpeg")
    script = [sys.executable, str(source / "prepare_cifar10.py"), "--out", str(out)]
    formats = ["--format", "binary", "python", "--targz"]
    subprocess.run(script + formats, check=True, capture_output=True, env=dict(os.environ))
    return out
