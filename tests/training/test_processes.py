"""Several processes on this host train one population: together, or not at all."""

import json
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import cli_runs
import numpy as np
import pytest
from places import ROOT

from jaxcifar import cli
from jaxcifar.core import processes
from jaxcifar.core.errors import IncompleteError, UserError
from jaxcifar.planning import prepare
from jaxcifar.records import formats
from jaxcifar.training import agreement

STUDY = """
from jaxcifar.config import Config, Study, replace, sweep

def get_config(variant=None):
    small = {"data.name": "synthetic", "data.n_train": 60, "data.n_test": 40, "train.epochs": 3,
             "train.batch_size": 16, "model.name": "cnn", "model.filters": (4, 4, 4),
             "eval.batch_size": 8, "data.validation": 0.2}
    return Study("together", replace(Config(), small), sweep({"optim.lr": (1e-3, 1e-2, 3e-3)}))
"""
LIMIT = 900  # seconds, of a run; most of them for compiling
LOST = 60  # seconds, within which the loss of a process ends the others


class Ended(SimpleNamespace):
    """A process that is over: its `status`, what it `said`, and `when`."""


def launch(folder, count, *args, own=None):
    """Train with so many processes of one device each; `own` has what each is told besides."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    load(folder, STUDY)
    shared = ("--config", folder / "study.py", "--workdir", folder / "run", "--no-report", *args)
    running = []
    for index in range(count):
        where = (f"--coordinator=127.0.0.1:{port}", f"--process-id={index}",
                 f"--process-count={count}") if count > 1 else ()  # fmt: skip
        flags, env = (own or {}).get(index, ((), {}))
        running.append(_start(folder, *shared, *where, *flags, **env))
    return _ended(running)


def load(folder, text):
    """The study of a config file that is written into a folder."""
    (folder / "study.py").write_text(text)
    return cli.load_study(str(folder / "study.py"))


def _start(folder, *args, **env):
    return subprocess.Popen(
        [sys.executable, "-m", "jaxcifar.train", *map(str, args)],
        cwd=ROOT, env=cli_runs.environment(folder / "cache") | env, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def _ended(running):
    began, when = time.monotonic(), {}
    while len(when) < len(running):
        assert time.monotonic() - began < LIMIT, [each.kill() for each in running]
        over = (each for each in running if each.pid not in when and each.poll() is not None)
        when |= {each.pid: time.monotonic() for each in over}
        time.sleep(0.1)
    return [Ended(status=each.returncode, said=each.communicate()[0], when=when[each.pid])
            for each in running]  # fmt: skip


@pytest.mark.slow
def test_a_lost_process_ends_the_run_which_goes_on_with_another_number(tmp_path):
    """Two, of which one is killed in the second epoch; then four; then one evaluates."""
    first, killed = launch(tmp_path, 2, own={1: ((), {"JAXCIFAR_KILL": "segment:2"})})
    assert killed.status == -9 and first.status == 1
    assert first.when - killed.when < LOST
    assert "error: another of the 2 processes is lost" in first.said, first.said
    assert "Traceback" not in first.said
    saved = formats.read_lines(tmp_path / "run" / "metrics.jsonl")
    assert {row["step"] for row in saved} == {3}
    for ended in launch(tmp_path, 4):  # the last bits would differ: refused in each
        assert ended.status == 2, ended.said
        assert "processes: 2 there, 4 here" in ended.said
    ends = launch(tmp_path, 4, "--config.deterministic=False")
    assert [ended.status for ended in ends] == [0] * 4, ends[0].said
    assert "continues at step 3" in ends[0].said
    assert all("continues" not in ended.said for ended in ends[1:]), "the first speaks"
    assert_like_one(tmp_path)
    done = cli_runs.command(
        "jaxcifar.evaluate", "--workdir", tmp_path / "run", "--member=lr=0.01",
        cache=tmp_path / "cache",
    )  # fmt: skip
    assert done.returncode == 0 and "lr=0.01" in done.stdout, done.stderr


def assert_like_one(folder):
    """The run's records are those of one process: draws the same, the first loss to 1e-5."""
    alone = folder / "alone"
    alone.mkdir()
    (ended,) = launch(alone, 1)
    assert ended.status == 0, ended.said
    one, many = (formats.read_table(path / "run" / "steps.npz") for path in (alone, folder))
    np.testing.assert_array_equal(one["members"], many["members"])  # and no padding
    np.testing.assert_array_equal(one["examples"], many["examples"])
    np.testing.assert_allclose(one["loss"][:, 0], many["loss"][:, 0], rtol=1e-5)
    rows = [formats.read_lines(path / "run" / "metrics.jsonl") for path in (alone, folder)]
    for name in ("member", "step", "epoch"):
        assert [row[name] for row in rows[0]] == [row[name] for row in rows[1]]
    assert (folder / "run" / "summary.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("flags, said", [
    (("--config.optim.name=sgd",), "config.optim.name: 'adam' in process 0, 'sgd' in process 1"),
    (("--config.data.n_train=50",), "n_train: 60 in process 0, 50 in process 1"),
])  # fmt: skip
def test_processes_with_other_settings_are_refused_in_each(tmp_path, flags, said):
    ends = launch(tmp_path, 2, own={1: (flags, {})})
    for ended in ends:
        assert ended.status == 2 and "process 1 is about to do other than process 0" in ended.said
        assert said in ended.said and "Traceback" not in ended.said
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_groups_side_by_side_merge_into_one_folder(tmp_path):
    """As an array job runs them: a process each, at the same time, into a folder that is new."""
    other = STUDY.replace(
        '{"optim.lr": (1e-3, 1e-2, 3e-3)}', '{"model.filters": ((4, 4, 4), (4, 4, 8))}'
    )  # noqa: E501
    assert other != STUDY
    study = load(tmp_path, other)
    names = [group.path.name for group in prepare.prepare(study, tmp_path / "run").groups]
    assert len(names) == 2
    flags = ("--config", tmp_path / "study.py", "--workdir", tmp_path / "run", "--no-report")
    ends = _ended([_start(tmp_path, *flags, f"--only-group={name}") for name in names])
    assert [ended.status for ended in ends] == [0, 0], ends
    members = [member.id for member in study.members]
    assert list(formats.read_json(tmp_path / "run" / "summary.json")["members"]) == members
    rows = formats.read_lines(tmp_path / "run" / "metrics.jsonl")
    assert {row["member"] for row in rows} == set(members)
    assert formats.read_table(tmp_path / "run" / "steps.npz")["members"].tolist() == members


def told(**changes):
    """What a process tells of itself."""
    rows = {"config": {"optim": {"lr": 0.1}}, "images": {"g": "abc"}, "code": "c0", "jax": "0.10"}
    return json.dumps(rows | changes)


@pytest.mark.parametrize("other, said", [
    ({}, None),
    ({"config": {"optim": {"lr": 0.2}}}, "config.optim.lr: 0.1 in process 0, 0.2 in process 2"),
    ({"images": {"g": "def"}}, "images.g: 'abc' in process 0, 'def' in process 2"),
    ({"code": "c1"}, "code: 'c0' in process 0, 'c1' in process 2"),
    ({"jax": "0.12"}, "jax: '0.10' in process 0, '0.12' in process 2"),
    ({"only_group": "g"}, "only_group: None in process 0, 'g' in process 2"),
])  # fmt: skip
def test_what_differs_is_named(monkeypatch, other, said):
    rows = [told(), told(), told(**other)]
    monkeypatch.setattr(agreement, "_told", lambda prepared: {})
    monkeypatch.setattr(processes, "gathered", lambda text: rows)
    if said is None:
        return agreement.require_same(None)
    with pytest.raises(UserError) as refused:
        agreement.require_same(None)
    assert "process 2 is about to do other" in str(refused.value) and said in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 3


@pytest.mark.parametrize("given, words", [
    (("host:1", 0, None), "all three"),
    (("host:1", None, None), "all three"),
    ((None, 0, 2), "all three"),
    (("host", 0, 2), "is no HOST:PORT"),
    (("host:port", 0, 2), "is no HOST:PORT"),
    ((":1234", 0, 2), "is no HOST:PORT"),
    (("host:1", 2, 2), "--process-id=2 is none of 2 processes"),
    (("host:1", -1, 2), "--process-id=-1 is none of 2 processes"),
])  # fmt: skip
def test_half_a_meeting_place_is_refused(given, words):
    with pytest.raises(UserError, match=words):
        processes.join(*given, environ={})


@pytest.mark.parametrize("given, environ, wanted", [
    ((), {"SLURM_STEP_NUM_TASKS": "4"}, (None, None, None)),
    ((), {"OMPI_COMM_WORLD_SIZE": "2"}, (None, None, None)),
    (("auto",), {}, (None, None, None)),
    (("host:1", 1, 2), {}, ("host:1", 2, 1)),
    (("host:1",), {"SLURM_STEP_NUM_TASKS": "2"}, ("host:1", None, None)),
    ((), {"SLURM_STEP_NUM_TASKS": "1"}, None),  # a job array's task is alone
    ((), {}, None),
])  # fmt: skip
def test_who_started_several_processes_is_known(monkeypatch, given, environ, wanted):
    import jax

    seen = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda *args, **_: seen.append(args))
    monkeypatch.setattr(jax.config, "update", lambda *_: None)
    monkeypatch.setattr(processes, "_require_meeting", lambda *_: None)
    processes.join(*given, environ=environ)
    assert seen == ([] if wanted is None else [wanted])


@pytest.mark.parametrize("index, host, said", [
    (0, "127.0.0.1", "process 0 cannot listen at 127.0.0.1"),
    (1, "127.0.0.1", "process 1 cannot reach the first at 127.0.0.1"),
    (1, "no-such-host.invalid", "process 1 cannot reach the first at no-such-host"),
])  # fmt: skip
def test_who_is_not_there_is_told_and_no_abort(monkeypatch, index, host, said):
    monkeypatch.setitem(processes.PATIENCE, "initialization_timeout", 0)
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # taken, and nobody listens there
        with pytest.raises(UserError, match=said):
            processes.join(f"{host}:{taken.getsockname()[1]}", index, 2, environ={})


@pytest.mark.parametrize("said, of_others", [
    ("UNKNOWN: Gloo AllGather failed: [pair.cc:547] Connection closed by peer [::1]:1", True),
    ("NCCL operation ncclAllReduce failed: remote process exited", True),
    ("INTERNAL: the coordination service has an error", True),
    ("RESOURCE_EXHAUSTED: Out of memory", False),
])  # fmt: skip
def test_that_another_process_is_gone_is_told_as_that(monkeypatch, said, of_others):
    monkeypatch.setattr(processes, "count", lambda: 2)
    with (
        pytest.raises(IncompleteError if of_others else RuntimeError, match=said[:6]),
        processes.missed(),
    ):
        raise RuntimeError(said)


def test_what_one_refuses_all_refuse(monkeypatch):
    def refuse():
        raise UserError("no images here")

    assert processes.together(lambda: 3) == 3
    with pytest.raises(UserError, match="^no images here"):
        processes.together(refuse)
    monkeypatch.setattr(processes, "gathered", lambda text: [text, "no images here"])
    with pytest.raises(UserError, match="^process 1: no images here"):
        processes.together(lambda: 3)
