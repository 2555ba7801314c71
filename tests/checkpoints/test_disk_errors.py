"""A disk that is full while something is saved: named in one error, nothing else said or lost."""

import contextlib
import errno
import gc
import logging
import resource
import subprocess
import sys

import numpy as np
import pytest
from made_snapshot import made
from places import ROOT

from jaxcifar.checkpoints import snapshots
from jaxcifar.checkpoints.disk_errors import as_os_errors
from jaxcifar.core import files

LIMIT = 20_000  # bytes; a file may have no more within `full`


@contextlib.contextmanager
def full():
    """Within, the system refuses whatever would make a file larger, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def large():
    """A snapshot that does not compress."""
    params = {"kernel": np.random.default_rng(0).normal(size=(2, 20_000)).astype(np.float32)}
    return made()._replace(best={"params": params, "batch_stats": {}})


@pytest.fixture(autouse=True)
def logs_as_before():
    """After a failed write they stay silent for the rest of a process."""
    hook = sys.unraisablehook
    yield
    sys.unraisablehook = hook
    for name in ("absl", "asyncio"):
        logging.getLogger(name).filters.clear()


@pytest.mark.reliability("T3")
def test_a_save_names_the_checkpoint_and_leaves_the_one_before(tmp_path, caplog, capfd):
    snapshots.save(tmp_path, made(step=1))
    with pytest.raises(OSError) as error, full():
        snapshots.save(tmp_path, large())
    gc.collect()  # tasks that nobody waited for
    assert error.value.errno == errno.EFBIG
    assert error.value.filename == str(tmp_path / "00000003" / "weights")
    assert not caplog.records and capfd.readouterr().err == ""
    assert snapshots.find(tmp_path).cursor.step == 1
    snapshots.save(tmp_path, large())  # there is room again
    assert snapshots.find(tmp_path).cursor.step == 3


@pytest.mark.reliability("T3")
def test_a_record_names_its_file_and_keeps_the_old_one(tmp_path):
    path = tmp_path / "steps.npz"
    files.write_atomically(path, b"old")
    with pytest.raises(OSError) as error, full():
        files.write_atomically(path, b"x" * 2 * LIMIT)
    assert (error.value.errno, error.value.filename) == (errno.EFBIG, str(path))
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_another_error_is_left_as_it_is(tmp_path):
    hook = sys.unraisablehook
    with pytest.raises(ValueError, match="ours"), as_os_errors(tmp_path):
        raise ValueError("ours")
    assert sys.unraisablehook is hook and not logging.getLogger("absl").filters


@pytest.mark.reliability("T3")
def test_a_command_ends_in_two_lines(tmp_path):
    """To the very end of its process, when what threads left behind is thrown away."""
    code = (
        "import sys; sys.path.insert(0, 'tests'); sys.path.insert(0, 'tests/checkpoints')\n"
        "from test_disk_errors import *\nfrom jaxcifar import cli\nfrom pathlib import Path\n"
        "def main(argv):\n    with full(): snapshots.save(Path(argv[0]), large())\n"
        "sys.exit(cli.run(main))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 2, done.stderr
    assert done.stderr.startswith(f"error: {tmp_path}/00000003/weights: File too large\n")
