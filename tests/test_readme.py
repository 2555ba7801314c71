"""The README's Python, pasted into a fresh interpreter as it stands."""

import re
import subprocess
import sys

import pytest
from cli_runs import without
from places import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
MOST_LINES = 130


def run(block, folder):
    """Run a block in a process of its own, with JAX as users have it."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", block], cwd=folder, env=without("XLA_FLAGS"),
        capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_block_runs(number, tmp_path):
    done = run(BLOCKS[number], tmp_path)
    assert done.returncode == 0, done.stderr


def test_there_is_a_study_of_ones_own_to_run():
    assert len(BLOCKS) == 1 and "jaxcifar.train(study)" in BLOCKS[0]


def test_a_newcomer_reads_it_to_the_end():
    assert len(README.splitlines()) <= MOST_LINES


def test_the_tree_names_every_room():
    rooms = {path.name for path in (ROOT / "jaxcifar").iterdir() if (path / "__init__.py").exists()}
    assert {*re.findall(r"^    (\w+)/  ", README, re.MULTILINE)} == rooms
