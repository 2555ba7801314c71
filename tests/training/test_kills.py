"""Kills at random moments of a command: whatever it was doing, the next start makes it whole."""

import collections
import contextlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import cli_runs
import phase_watch
import pytest

from jaxcifar.checkpoints import snapshots
from jaxcifar.core.errors import IntegrityError
from jaxcifar.records import folder, formats

PHASES = ("compiling", "segment", "evaluation", "save", "figures")
STUDY = cli_runs.RUNS["bn"]
KILLS, INTERVAL = 200, 3  # steps between saves
COLD = 8  # of so many starts one finds no compiled program, so that kills hit the compiler


class Killer:
    """Starts the command again and again, and kills it at moments drawn over its phases."""

    def __init__(self, place, cache, seed):
        self.place, self.cache, self.rng = place, cache, random.Random(seed)
        self.hits, self.starts = collections.Counter(), 0
        self.lengths = {}

    def start(self, workdir, cold=False):
        self.starts += 1
        self.out = self.place / f"phases{self.starts}"
        self.said = self.place / f"said{self.starts}"
        cache = self.place / f"cold{self.starts}" if cold else self.cache
        environ = phase_watch.watched(cli_runs.environment(cache), self.place / "site", self.out)
        args = [sys.executable, "-m", "jaxcifar.train", *STUDY.args, "--workdir", str(workdir)]
        with self.said.open("w") as said:
            return subprocess.Popen(args, cwd=cli_runs.ROOT, env=environ, stdout=said, stderr=said)

    def whole(self, workdir):
        """A run that nothing happens to, twice: the second one, from the cache, is measured."""
        for place in (workdir.with_name("first"), workdir):
            assert self.start(place).wait(600) == 0, self.said.read_text()
        self.lengths = phase_watch.lengths(phase_watch.seen(self.out))
        assert self.lengths.keys() >= set(PHASES)

    def kill(self, workdir):
        """Start, and kill in a phase; True where the run came to its end before."""
        phase = min(PHASES, key=lambda name: (self.hits[name], self.rng.random()))
        phase = self.rng.choice([phase, *PHASES])
        run = self.start(workdir, cold=phase == "compiling" and self.starts % COLD == 0)
        stays = self.lengths[phase]
        stay = self.rng.randrange(len(stays))
        there = phase_watch.wait_for(
            self.out, phase, self.rng.randrange(stay + 1) + 1, lambda: run.poll() is None
        )
        if there:
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(self.rng.uniform(0, stays[stay]))
        run.send_signal(signal.SIGKILL)
        if run.wait() != -signal.SIGKILL:
            assert run.returncode == 0, self.said.read_text()
            return True
        self.hits.update(phase_watch.seen(self.out)[-1].phases or {"between"})
        return False

    def check(self, workdir, before):
        """What a kill left: a checkpoint, if there was one before, no more than an interval old."""
        writing = "save" in phase_watch.seen(self.out)[-1].phases
        told = [int(step) for step in re.findall(r"step (\d+)/", self.said.read_text())]
        after = sealed(workdir)
        assert after >= before, "no kill takes away what was saved"
        assert after >= max(told, default=0) - INTERVAL * (1 + writing)
        return after


def sealed(workdir):
    """The step of the newest checkpoint, 0 where there is none."""
    for path in workdir.glob("groups/*/checkpoints"):
        with contextlib.suppress(IntegrityError):
            if found := snapshots.find(path):
                return found.cursor.step
    return 0


def assert_lines_once(workdir):
    for path in (workdir, *(group.path for group in folder.groups(workdir))):
        rows = formats.read_lines(path / "metrics.jsonl")
        names = [(row["member"], row["step"]) for row in rows]
        assert len(set(names)) == len(names) == 4 * 2


def run_kills(place, cache, count, seed=0):
    """So many kills, over as many runs as it takes; returns the killer, for what it hit."""
    killer, whole = Killer(place, cache, seed), place / "whole"
    killer.whole(whole)
    steps = formats.read_table(whole / "steps.npz")
    cli_runs.assert_epochs_have_their_own_order(steps, INTERVAL)
    workdir, before, kills = place / "run0", 0, 0
    while kills < count:
        if killer.kill(workdir):
            cli_runs.assert_same_run(whole, workdir)
            assert_lines_once(workdir)
            shutil.rmtree(workdir)
            workdir, before = place / f"run{killer.starts}", 0
        else:
            kills, before = kills + 1, killer.check(workdir, before)
    assert killer.start(workdir).wait(600) == 0, killer.said.read_text()
    cli_runs.assert_same_run(whole, workdir)
    assert_lines_once(workdir)
    return killer


@pytest.mark.slow
@pytest.mark.reliability("T1")
def test_random_kills_leave_no_trace(tmp_path, tried, capsys):
    began = time.monotonic()
    killer = run_kills(tmp_path, tmp_path / "cache", KILLS)
    with capsys.disabled():
        print(f"\n{KILLS} kills in {time.monotonic() - began:,.0f} s: {dict(killer.hits)}")
    assert all(killer.hits[phase] >= 3 for phase in PHASES), killer.hits
    tried(KILLS)
