"""Members and parts of batches over the devices of a mesh."""

import subprocess
import sys

import cli_runs
import pytest
from places import ROOT


@pytest.mark.slow
@pytest.mark.parametrize("check", ["synchronised", "members_need_no_collective", "per_shard"])
def test_on_eight_devices(check):
    """In a process that has them, see `meshes`."""
    env = cli_runs.without("XLA_FLAGS") | {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    done = subprocess.run(
        [sys.executable, "meshes.py", check], cwd=ROOT / "tests", env=env, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
