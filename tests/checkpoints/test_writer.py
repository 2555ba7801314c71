"""Snapshots written beside training: as they were when taken, in order, one cut at a time."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from made_snapshot import made

from jaxcifar.checkpoints.writer import Saver


@pytest.fixture
def gate():
    """Writers wait for it; a test that forgets to open it ends after ten seconds."""
    return threading.Event()


def writer(gate, seen):
    def write(snapshot):
        assert gate.wait(10)
        seen.append(jax.tree.map(np.asarray, snapshot))

    return write


def test_what_is_written_is_the_moment_it_was_taken(gate):
    """Training goes on meanwhile: it takes over the state's arrays, and the Book grows in place."""
    seen, snapshot = [], made(step=3, value=1.0)
    snapshot = snapshot._replace(state=jax.tree.map(jnp.asarray, snapshot.state))
    with Saver() as saver:
        saver.take(snapshot, writer(gate, seen))
        trained = jax.jit(
            lambda state: jax.tree.map(lambda leaf: leaf + 1 if leaf.ndim > 1 else leaf, state),
            donate_argnums=0,
        )(snapshot.state)
        snapshot.book.rows["val_loss"][:] = -1
        assert not seen, "taking does not wait for the writer"
        gate.set()
    (written,) = seen
    kernel = written.state.params["conv"]["kernel"]
    np.testing.assert_array_equal(kernel, np.full((2, 3), 1.0))
    np.testing.assert_array_equal(trained.params["conv"]["kernel"], np.full((2, 3), 2.0))
    np.testing.assert_array_equal(written.book.rows["val_loss"], [[np.nan, 1.5]])
    assert written.cursor == snapshot.cursor


def test_the_next_cut_waits_and_one_cut_s_writers_share_a_copy(gate):
    seen, told = [], []
    with Saver() as saver:
        write = writer(gate, seen)
        for name in "ab":
            saver.take(made(step=3), write, lambda name=name: told.append(name))
        assert seen == told == [], "both at once, without waiting"
        threading.Timer(0.1, gate.set).start()
        saver.take(made(step=6), write)
        assert [snapshot.cursor.step for snapshot in seen[:2]] == [3, 3] and told == ["a", "b"]
    assert [snapshot.cursor.step for snapshot in seen] == [3, 3, 6]
    one, two = (snapshot.state.params["conv"]["kernel"] for snapshot in seen[:2])
    assert np.shares_memory(one, two)


def test_it_is_told_by_the_thread_that_trains():
    threads = []
    note = lambda *_: threads.append(threading.current_thread())  # noqa: E731
    with Saver() as saver:
        saver.take(made(), note, note)
    assert threads[0] is not threads[1] and threads[1] is threading.current_thread()


@pytest.mark.parametrize("wide", [False, True])
def test_a_writer_computes_as_wide_as_training(wide):
    seen = []
    with jax.enable_x64(wide), Saver() as saver:
        saver.take(made(), lambda _: seen.append(jnp.arange(2.0).dtype))
    assert seen == [jnp.float64 if wide else jnp.float32]


def fail(snapshot):
    raise OSError("no space left")


def test_a_writer_s_error_comes_out_of_the_next_call():
    with pytest.raises(OSError, match="no space"), Saver() as saver:
        saver.take(made(step=3), fail)
        saver.take(made(step=6), fail)
        raise AssertionError("the second call must not return")
    with pytest.raises(OSError, match="no space"), Saver() as saver:
        saver.take(made(step=3), fail)


def test_the_error_that_ends_training_is_the_one_that_counts(gate):
    seen = []
    with pytest.raises(KeyError), Saver() as saver:
        saver.take(made(step=3), writer(gate, seen))
        saver.take(made(step=3), fail)
        gate.set()
        raise KeyError
    assert len(seen) == 1, "what was taken is written all the same"


def test_nothing_is_written_after_an_error(gate):
    """A sealed snapshot says that all before it is there: a kept one that failed would be lost."""
    seen, told = [], []
    gate.set()
    with pytest.raises(OSError, match="no space"), Saver() as saver:
        saver.take(made(step=3), fail)
        saver.take(made(step=3), writer(gate, seen), lambda: told.append(3))
    assert seen == told == []


@pytest.mark.parametrize(("kill", "waits"), [("segment:99", True), ("save:99", False)])
def test_a_test_s_kill_finds_the_same_files_every_time(kill, waits, gate, monkeypatch):
    monkeypatch.setenv("JAXCIFAR_KILL", kill)
    seen = []
    with Saver() as saver:
        threading.Timer(0.1, gate.set).start()
        saver.take(made(), writer(gate, seen))
        assert bool(seen) == waits
