"""What the figures say of records that they cannot draw."""

import subprocess
import sys

import numpy as np
import pytest
from made_records import write_run

from jaxcifar import figures
from jaxcifar.core.errors import UserError


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "steps.npz"])
def test_missing_and_broken_files_are_refused(tmp_path, name):
    write_run(tmp_path)
    (tmp_path / name).write_bytes(b"\x00{")
    with pytest.raises(UserError, match=f"{name} cannot be read"):
        figures.read_run(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=f"{name} is missing"):
        figures.draw_all(tmp_path)


def test_no_steps_yet_is_refused(tmp_path):
    write_run(tmp_path)
    with np.load(tmp_path / "steps.npz") as table:
        none = {k: v[:, :0] if v.ndim == 2 else v for k, v in table.items()}
    np.savez(tmp_path / "steps.npz", **none)
    with pytest.raises(UserError, match="no step recorded yet"):
        figures.read_run(tmp_path)


def test_script_needs_no_jax_and_refuses_politely(tmp_path):
    code = (
        "import sys; sys.path.insert(0, 'scripts'); import plot_landscape as p;"
        f"status = p.main(['--workdir', {str(tmp_path)!r}]);"
        "print(status, [m for m in ('jax', 'flax', 'optax', 'orbax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "2 []\n" and "config.json is missing" in done.stderr
