"""A run killed anywhere and started again with the same command gives the bits of one never killed.

The commands are those of studies of this repository, with only their sizes reduced.
"""

import functools
import os
import signal
import subprocess
import sys
import time

import cli_runs
import numpy as np
import pytest

from jaxcifar import interop
from jaxcifar.evaluation import trained
from jaxcifar.interop import __main__
from jaxcifar.records import formats
from jaxcifar.training import engine


@pytest.fixture(scope="module", params=["schedules", pytest.param("bn", marks=pytest.mark.slow)])
def study(request):
    return cli_runs.RUNS[request.param]


@pytest.fixture(scope="module")
def cache(tmp_path_factory, study):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def command(study, cache):
    return functools.partial(cli_runs.command, cache=cache, more=study.environ)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, study, command):
    """The uninterrupted run's folder."""
    workdir = tmp_path_factory.mktemp("whole") / "run"
    done = command("jaxcifar.train", *study.args, "--workdir", workdir)
    assert done.returncode == 0, done.stderr
    return workdir


def compiled(cache):
    """The populations' programs in the persistent cache; it leaves out what compiles at once."""
    return {path.name for path in (cache / "jaxcifar" / "compiled").glob("*_member_*-cache")}


def test_compiled_programs_persist_for_this_user_alone(whole, cache):
    folder = cache / "jaxcifar" / "compiled"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sum("segment" in name for name in compiled(cache)) == 1, "one for all members"


def test_the_run_is_complete(whole):
    assert (whole / "report.html").exists() and list((whole / "figures").glob("*.png"))
    summary = cli_runs.summary(whole)
    assert len(summary["members"]) == 4
    rows = formats.read_lines(whole / "metrics.jsonl")
    assert len(rows) == 4 * 2 and {row["epoch"] for row in rows} == {1.0, 2.0}
    steps = formats.read_table(whole / "steps.npz")
    assert steps["loss"].shape == (4, 6)
    cli_runs.assert_epochs_have_their_own_order(steps, 3)
    cli_runs.assert_points_are_the_records(whole)


# 2 segments, 2 evaluations of 1 chunk and 2 saves, each of an epoch: in turn, on one folder.
KILLS = ("evaluation:1", "save:1", "segment:2")


@pytest.mark.reliability("T1")
def test_killed_and_started_again_gives_the_same_bits(
    study, whole, cache, command, tmp_path, tried
):
    workdir = tmp_path / "run"
    args = ("jaxcifar.train", *study.args, "--no-report", "--workdir", workdir)
    before = compiled(cache)
    for point in KILLS:
        killed = command(*args, kill=point)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert not (workdir / "summary.json").exists()
    again = command(*args)
    assert again.returncode == 0, again.stderr
    assert "continues at step 3" in again.stderr and f"records in {workdir}" in again.stdout
    assert not (workdir / "figures").exists() and not (workdir / "report.md").exists()
    cli_runs.assert_same_run(whole, workdir)
    cli_runs.assert_points_are_the_records(workdir)
    assert compiled(cache) == before, "a second start takes its programs from the cache"
    tried(len(KILLS))


@pytest.mark.reliability("T2")
@pytest.mark.slow
@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_the_same_command_continues(
    study, whole, cache, command, tmp_path, number, status
):
    workdir = tmp_path / "run"
    args = [sys.executable, "-m", "jaxcifar.train", *study.args, "--no-report",
            "--workdir", str(workdir)]  # fmt: skip
    environ = cli_runs.environment(cache) | study.environ
    run = subprocess.Popen(
        args, cwd=cli_runs.ROOT, env=environ, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    said = iter(run.stderr.readline, "")
    assert any("members one after another" in line for line in said)  # the group is about to train
    time.sleep(0.2)
    run.send_signal(number)
    _, said = run.communicate(timeout=120)
    assert run.returncode == status, said
    assert "the same command continues" in said
    again = command(*args[2:])
    assert again.returncode == 0, again.stderr
    cli_runs.assert_same_run(whole, workdir)


@pytest.mark.slow
@pytest.mark.reliability("T22")
def test_the_same_command_twice_gives_the_same_bits(study, whole, command, tmp_path):
    args = ("jaxcifar.train", *study.args, "--no-report", "--workdir", tmp_path / "run")
    assert command(*args).returncode == 0
    cli_runs.assert_same_run(whole, tmp_path / "run")


@pytest.mark.slow
def test_a_finished_run_trains_nothing_again(study, whole, command):
    before = (whole / "steps.npz").read_bytes()
    args = ("jaxcifar.train", *study.args, "--no-report", "--workdir", whole)
    done = command(*args)
    assert done.returncode == 0 and "members one after another" not in done.stderr
    assert (whole / "steps.npz").read_bytes() == before


def test_evaluate_gives_the_summary_s_numbers(study, whole, command):
    """Restored through Orbax, scored by the program that trained: the same to the last digit."""
    done = command(
        "jaxcifar.evaluate", "--workdir", whole, "--member", study.member, "--which", "last"
    )
    assert done.returncode == 0, done.stderr
    score = cli_runs.summary(whole)["members"][study.member]["test"]["last"]
    told = (
        f"{study.member}: test accuracy {100 * score['accuracy']:.2f} %, loss {score['loss']:.4f}"
    )
    assert told in done.stdout


def test_export_writes_the_trained_weights(study, whole, tmp_path, capsys):
    out = tmp_path / "w.safetensors"
    flags = [f"--workdir={whole}", f"--member={study.member}", f"--out={out}", "--which=last"]
    assert __main__.main(["export", *flags]) == 0
    told = f"{study.arrays} arrays of {study.network}, member {study.member} (last)"
    assert told in capsys.readouterr().out
    arrays = interop.load_safetensors(out)
    _, variables = trained.load(whole, study.member, "last")
    kernel = variables["params"]["conv2"]["kernel"]
    np.testing.assert_array_equal(arrays[study.kernel], kernel.transpose(3, 2, 0, 1))
    name, theirs = study.mean
    np.testing.assert_array_equal(arrays[theirs], variables["batch_stats"][name]["mean"])


def test_engine_faults_are_off_without_the_variable():
    assert "JAXCIFAR_KILL" not in os.environ
    assert engine.kill_points.reach("save") is None
