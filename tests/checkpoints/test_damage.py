"""Damage in turn: every file of a checkpoint cut, emptied, gone, of other bits; none is loaded."""

import numpy as np
import pytest
from made_snapshot import made

from jaxcifar.checkpoints import snapshots
from jaxcifar.core.errors import IntegrityError

DAMAGES = {  # kind -> (bytes, generator) -> other bytes
    "cut": lambda content, rng: content[: rng.integers(len(content))],
    "emptied": lambda content, rng: b"",
    "longer": lambda content, rng: content + b"\0",
    "zeroed": lambda content, rng: b"\0" * len(content),
    "gone": lambda content, rng: None,
}


def flipped(content, rng):
    """One bit of it."""
    place, bit = rng.integers(len(content)), rng.integers(8)
    return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]


@pytest.mark.reliability("T4")
@pytest.mark.parametrize("flips", [1, pytest.param(30, marks=pytest.mark.slow)])
def test_whatever_is_damaged_is_named_and_the_step_before_is_taken(tmp_path, flips, tried):
    rng, count = np.random.default_rng(0), 0
    snapshots.save(tmp_path, made(3))
    newest = snapshots.save(tmp_path, made(6))
    before = snapshots.find(tmp_path)
    assert before.cursor.step == 6
    for file in sorted(path for path in newest.rglob("*") if path.is_file()):
        content = file.read_bytes()
        for damage in [*DAMAGES.values(), *[flipped] * flips] if content else [DAMAGES["gone"]]:
            changed = damage(content, rng)
            if changed is None:
                file.unlink()
            else:
                file.write_bytes(changed)
            found = snapshots.find(tmp_path)
            assert found.cursor == made(3).cursor, (file, damage)
            # Without its manifest it is no checkpoint: an interrupted save.
            silent = changed is None and file.name == snapshots.MANIFEST
            assert silent or (file.name in found.damaged[0]), found.damaged
            with pytest.raises(IntegrityError, match=file.name):
                snapshots.verify(newest)
            file.write_bytes(content)
            count += 1
    assert snapshots.find(tmp_path) == before
    assert count > (500 if flips > 1 else 100)
    tried(count)


def test_a_manifest_of_before_seals_is_read(tmp_path):
    path = snapshots.save(tmp_path, made(3)) / snapshots.MANIFEST
    lines = path.read_text().splitlines()
    (seal,) = [line for line in lines if '"seal"' in line]
    older = "\n".join(line for line in lines if line != seal)
    path.write_text(older.replace(" },\n}", " }\n}"))
    assert snapshots.find(tmp_path).cursor == made(3).cursor
