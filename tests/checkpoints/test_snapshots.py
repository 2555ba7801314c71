"""Checkpoints: what is written comes back bit for bit, and damage is named, never loaded."""

import jax
import numpy as np
import pytest
from made_snapshot import made

from jaxcifar.checkpoints import snapshots
from jaxcifar.core.errors import IntegrityError, UserError
from jaxcifar.core.types import Cursor
from jaxcifar.optim.averaging import Average


def blank(snapshot):
    shapes = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), np.asarray(leaf).dtype), snapshot
    )
    return shapes._replace(cursor=snapshot.cursor)


def test_a_snapshot_comes_back_bit_for_bit(tmp_path):
    snapshot = made()
    snapshots.save(tmp_path, snapshot)
    back = snapshots.restore(snapshots.find(tmp_path), blank(snapshot))
    assert jax.tree.structure(back) == jax.tree.structure(snapshot)
    for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(snapshot), strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.asarray(a).dtype == np.asarray(b).dtype


@pytest.mark.parametrize("part", ["histograms", "probes", "shift", "activations"])
def test_only_what_was_asked_for_is_written(tmp_path, part):
    """So that checkpoints from before there was any can still be continued."""
    for step, asked in ((1, {}), (2, {"counts": np.ones((2, 3), np.int32)})):
        snapshot = made(step)
        snapshot = snapshot._replace(book=snapshot.book._replace(**{part: asked}))
        snapshots.save(tmp_path, snapshot)
        found = snapshots.find(tmp_path)
        text = "".join(path.read_text() for path in (found.folder / "rest").glob("_METADATA"))
        assert "rows" in text and (part in text) == bool(asked)
        back = snapshots.restore(found, blank(snapshot)).book
        assert getattr(back, part).keys() == asked.keys()


def test_weights_to_evaluate_may_differ_from_those_stepped_from(tmp_path):
    """As for schedule-free optimizers: readers get the one, a resumed run the other."""
    snapshot, last = made(), {"params": made(value=7.0).state.params, "batch_stats": {}}
    path = snapshots.save(tmp_path, snapshot, last)
    kept = snapshots.keep(tmp_path, snapshot, last)
    for folder in (path, kept):
        kernel = snapshots.read_weights(folder)["last"]["params"]["conv"]["kernel"]
        np.testing.assert_array_equal(kernel, np.full((2, 3), 7.0))
    back = snapshots.restore(snapshots.find(tmp_path), blank(snapshot))
    np.testing.assert_array_equal(back.state.params["conv"]["kernel"], np.full((2, 3), 1.0))


def test_averaged_weights_are_kept_under_their_kind(tmp_path):
    snapshot = made()
    average = Average(made(value=3.0).state.params, np.array([2, 0], np.int32))
    snapshot = snapshot._replace(state=snapshot.state._replace(average=average))
    snapshots.save(tmp_path, snapshot)
    back = snapshots.restore(snapshots.find(tmp_path), blank(snapshot))
    assert jax.tree.structure(back) == jax.tree.structure(snapshot)
    assert back.state.average.n.tolist() == [2, 0]
    assert not snapshots.sealed(tmp_path / "swa")
    weights = {"params": average.params, "batch_stats": {}}
    path = snapshots.keep_average(tmp_path, "swa", weights, snapshot.cursor)
    snapshots.prune(tmp_path, newest=1)
    assert snapshots.sealed(tmp_path / "swa") and snapshots.verify(path) == snapshot.cursor
    kernel = snapshots.read_weights(path)["swa"]["params"]["conv"]["kernel"]
    np.testing.assert_array_equal(kernel, np.full((2, 3), 3.0))


def test_the_newest_two_stay(tmp_path):
    for step in (3, 6, 9):
        snapshots.save(tmp_path, made(step))
        snapshots.prune(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000006", "00000009"]
    assert snapshots.find(tmp_path).cursor.step == 9


def test_an_unsealed_save_is_passed_over_and_removed(tmp_path):
    snapshots.save(tmp_path, made(3))
    (snapshots.save(tmp_path, made(6)) / snapshots.MANIFEST).unlink()
    assert snapshots.find(tmp_path).cursor.step == 3
    snapshots.save(tmp_path, made(9))
    snapshots.prune(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000003", "00000009"]


def files(path):
    return sorted(p for p in path.rglob("*") if p.is_file() and p.name != snapshots.MANIFEST)


def test_every_flipped_bit_is_noticed_before_anything_is_opened(tmp_path):
    path = snapshots.save(tmp_path, made())
    for file in files(path):
        content = file.read_bytes()
        if not content:
            continue
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(IntegrityError, match=f"{file.name} has other bytes"):
            snapshots.verify(path)
        file.write_bytes(content)
    snapshots.verify(path)


def test_missing_files_are_named(tmp_path):
    path = snapshots.save(tmp_path, made())
    victim = files(path)[0]
    content = victim.read_bytes()
    victim.unlink()
    with pytest.raises(IntegrityError, match=f"{victim.name} is missing"):
        snapshots.verify(path)
    victim.write_bytes(content)
    snapshots.verify(path)


def test_damage_falls_back_to_the_one_before_and_says_so(tmp_path):
    snapshots.save(tmp_path, made(3))
    newest = snapshots.save(tmp_path, made(6))
    files(newest)[0].write_bytes(b"damaged")
    found = snapshots.find(tmp_path)
    assert found.cursor.step == 3 and "other bytes" in found.damaged[0]


def test_a_sealed_snapshot_stays_and_a_damaged_one_is_written_again(tmp_path):
    path = snapshots.save(tmp_path, made())
    stamp = (path / snapshots.MANIFEST).stat().st_mtime_ns
    snapshots.save(tmp_path, made())
    assert (path / snapshots.MANIFEST).stat().st_mtime_ns == stamp
    files(path)[0].write_bytes(b"damaged")
    snapshots.save(tmp_path, made())
    assert snapshots.verify(path) == made().cursor


def test_all_damaged_is_refused_with_a_way_out(tmp_path):
    for step in (3, 6):
        (snapshots.save(tmp_path, made(step)) / snapshots.MANIFEST).write_text("{}")
    with pytest.raises(IntegrityError, match="every checkpoint .* is damaged.*\nrestore"):
        snapshots.find(tmp_path)


def test_nothing_there_is_nothing(tmp_path):
    assert snapshots.find(tmp_path / "none") is None


def test_kept_checkpoints_hold_weights_and_are_found_by_step(tmp_path):
    snapshots.keep(tmp_path, made(5, value=7.0))
    snapshots.save(tmp_path, made(6))
    snapshots.prune(tmp_path, newest=1)
    kept = snapshots.read_weights(snapshots.at_step(tmp_path, 5))
    np.testing.assert_array_equal(kept["last"]["params"]["conv"]["kernel"], np.full((2, 3), 7.0))
    snapshots.keep(tmp_path, made(6))
    assert snapshots.at_step(tmp_path, 6).parent.name == "kept", "the newest will not stay"
    with pytest.raises(UserError, match="no checkpoint of step 4 .*\nthere are: 5, 6"):
        snapshots.at_step(tmp_path, 4)


def test_what_is_kept_keeps_its_bytes_when_a_run_comes_by_again(tmp_path):
    """Whoever started from it knows it by its manifest; a damaged one is written again."""
    for keep in (
        lambda: snapshots.keep(tmp_path, made(5)),
        lambda: snapshots.keep_average(tmp_path, "swa", made().best, made(5).cursor),
    ):
        path = keep()
        before = (path / snapshots.MANIFEST).read_bytes()
        assert (keep() / snapshots.MANIFEST).read_bytes() == before
        files(path)[0].write_bytes(b"damaged")
        assert snapshots.verify(keep()) == made(5).cursor


def test_one_removed_halfway_is_no_damage(tmp_path, monkeypatch):
    """Killed where the run's only checkpoint is written again, or where an old one is pruned."""

    def killed(path):
        files(path)[0].unlink()
        raise KeyboardInterrupt

    path = snapshots.save(tmp_path, made(3))
    monkeypatch.setattr(snapshots.shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        snapshots.save(tmp_path, made(3)._replace(cursor=Cursor(1, 3, False)))
    assert not snapshots.sealed(path) and snapshots.find(tmp_path) is None
    old, _ = (snapshots.save(tmp_path / "more", made(step)) for step in (4, 5))
    with pytest.raises(KeyboardInterrupt):
        snapshots.prune(tmp_path / "more", newest=1)
    assert old.exists() and not snapshots.sealed(old)
