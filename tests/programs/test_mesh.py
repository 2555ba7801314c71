"""Members and parts of batches over the devices of a mesh."""

import subprocess
import sys

import cli_runs
import pytest
from places import ROOT

from jaxcifar.records import formats

EIGHT = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8"}


@pytest.mark.slow
@pytest.mark.parametrize("check", ["synchronised", "members_need_no_collective", "per_shard"])
def test_on_eight_devices(check):
    """In a process that has them, see `meshes`."""
    done = subprocess.run(
        [sys.executable, "meshes.py", check], cwd=ROOT / "tests", capture_output=True, text=True,
        env=cli_runs.without("XLA_FLAGS") | EIGHT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_run_on_a_mesh_is_evaluated_on_one_device(tmp_path):
    """It has probes and an average; its config asks for a mesh that is not there any more."""
    run = cli_runs.RUNS["schedules"]
    words = [*run.args, "--config.devices.member=2", "--config.devices.data=4", "--workdir",
             str(tmp_path / "run"), "--no-report"]  # fmt: skip
    env = cli_runs.environment(tmp_path / "cache") | EIGHT
    done = subprocess.run(
        [sys.executable, "-m", "jaxcifar.train", *words], cwd=ROOT, env=env, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0 and "on 2 x 4 of 8 devices" in done.stderr, done.stderr
    tested = formats.read_json(tmp_path / "run" / "summary.json")["members"][run.member]["test"]
    for which in ("best", "swa"):
        args = ("--workdir", tmp_path / "run", "--member", run.member, "--which", which)
        done = cli_runs.command("jaxcifar.evaluate", *args, cache=tmp_path / "cache")
        assert done.returncode == 0, done.stderr
        assert f"{100 * tested[which]['accuracy']:.2f}" in done.stdout
