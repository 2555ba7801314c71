"""``command-help``: what a command says of itself, asked when the site is built."""

import os
import subprocess
import sys
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

WIDTH = "84"  # characters


class CommandHelp(SphinxDirective):
    """The words after ``python -m`` -> their ``--help`` as a block."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Ask the command. A command that fails is a warning, and so ends the build."""
        words = self.arguments[0].split()
        done = subprocess.run(
            [sys.executable, "-m", *words, "--help"], capture_output=True, text=True,
            env=os.environ | {"COLUMNS": WIDTH, "NO_COLOR": "1", "JAX_PLATFORMS": "cpu"},
        )  # fmt: skip
        if done.returncode:
            return [self.state.document.reporter.warning(f"{words}: {done.stderr}")]
        text = done.stdout.rstrip()
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Any) -> dict[str, bool]:
    """Sphinx calls it."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
