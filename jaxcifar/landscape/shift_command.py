"""The command ``shift``: what earlier layers' steps do to the gradients of a member's layers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxcifar import cli
from jaxcifar.core.wording import plural
from jaxcifar.figures import shifts_of_weights as drawn
from jaxcifar.landscape import weights_commands
from jaxcifar.landscape.covariate_shift import covariate_shift
from jaxcifar.records import covariate_shift as records
from jaxcifar.records.covariate_shift import Shift

COMMAND = cli.Command(
    "python -m jaxcifar.landscape shift --workdir DIR [--member ID ...] "
    "[--which best|last|swa|ema|step:N ...] [--size 0.1] [--subset N|all]",
    "Internal covariate shift: how far the gradient of each layer moves when the layers before it\n"
    "take a step of --size along their own gradients, on the same batch (after\n"
    "arXiv:1805.11604). The distance and the cosine between the two, of every layer and batch.\n"
    "--member: one or several; all where none is named. --which: best (the default), or several,\n"
    "such as kept steps. --subset: how many images of --split train (the default), test or\n"
    "validation; all, or 2,000 where nothing is said. --mode: train (the default: BatchNorm by\n"
    "the statistics of each --batch) or eval (by its running statistics). It costs a gradient for\n"
    "each layer and batch. A command that was cut goes on.",
    flags=("workdir", "split", "subset", "batch", "mode", "size"),
    many=("member", "which"), required=("workdir",), fields=("data.dir",),
)  # fmt: skip


def run(flags: cli.Flags) -> int:
    """Work out and draw what was asked, see `weights_commands.run`."""
    return weights_commands.run(flags, covariate_shift, line, _draw)


def line(found: Shift) -> str:
    """``distance 0.004 to 3.1, cosine -0.2 to 0.99 (means of 8 layers after the first), ...``."""
    words = []
    for name in ("distance", "cosine"):
        values = getattr(found, name)[:, 1:]
        means = [column[np.isfinite(column)].mean() for column in values.T
                 if np.isfinite(column).any()]  # fmt: skip
        if means:
            words.append(f"{name} {min(means):.3g} to {max(means):.3g}")
    holes = int(np.isnan(found.distance).sum())
    batches = f"{len(found.step):,} batch{'es' * (len(found.step) != 1)}"
    over = f"means over {batches} of {plural(len(found.layers) - 1, 'layer')} after the first"
    left = f"; {plural(holes, 'distance')} not finite" if holes else ""
    return f"{', '.join(words) or 'nothing finite'} ({over}){left}"


def _draw(workdir: Path, found: Sequence[Shift]) -> Sequence[Path]:
    return drawn.draw_all(workdir, weights_commands.names(found, records.group_name))
