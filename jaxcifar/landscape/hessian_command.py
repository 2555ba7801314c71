"""The command ``hessian``: eigenvalues, traces and spectra of a run folder's members."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxcifar import cli
from jaxcifar.figures import spectrum
from jaxcifar.landscape import weights_commands
from jaxcifar.landscape.hessian import Asked, hessian
from jaxcifar.records import hessians
from jaxcifar.records.hessians import Hessian

COMMAND = cli.Command(
    "python -m jaxcifar.landscape hessian --workdir DIR [--member ID ...] "
    "[--which best|last|swa|ema|step:N ...] [--mode eval|train] [--top 5] [--trace 10] "
    "[--density 2]",
    "The second derivative of the loss at trained weights: its --top largest eigenvalues (by\n"
    "Lanczos), its trace from so many random vectors (Hutchinson), the density of its spectrum\n"
    "from so many (stochastic Lanczos quadrature). 0 leaves one out.\n"
    "--member: one or several; all where none is named. --which: best (the default), or several,\n"
    "such as kept steps. --subset: how many images of --split train (the default), test or\n"
    "validation; all, or 2,000 where nothing is said. --mode: eval (the default: BatchNorm by its\n"
    "running statistics) or train (by the statistics of each --batch). --steps 60: Lanczos steps,\n"
    "at most for eigenvalues, which end when residuals are below --tolerance 0.001 of the\n"
    "largest; --seed 0 of all random vectors. A command that was cut goes on.",
    flags=("workdir", "split", "subset", "batch", "mode", *Asked._fields),
    many=("member", "which"), required=("workdir",), fields=("data.dir",),
)  # fmt: skip


def run(flags: cli.Flags) -> int:
    """Work out and draw what was asked, see `weights_commands.run`."""
    return weights_commands.run(flags, hessian, _line, _draw)


def _draw(workdir: Path, found: Sequence[Hessian]) -> Sequence[Path]:
    return spectrum.draw_all(workdir, weights_commands.names(found, hessians.group_name))


def _line(found: Hessian) -> str:
    """``largest eigenvalues 297, 279 (residuals up to 0.04), smallest seen -13.5, trace ...``."""
    words: list[Any] = []
    if found.eigenvalues.size:
        values = ", ".join(f"{value:.6g}" for value in found.eigenvalues)
        far = "" if found.converged.all() else f", not converged in {found.steps[0]} steps"
        words.append(f"largest eigenvalues {values} (residuals up to "
                     f"{found.residuals.max():.2g}{far})")  # fmt: skip
        words.append(f"smallest seen {found.lowest[0]:.4g}")
    if found.trace_samples.size:
        words.append(f"trace {found.trace:.5g}, standard error {found.trace_error:.2g}")
    if found.nodes.size:
        words.append(f"density from {len(found.nodes)} x {found.nodes.shape[1]} products")
    return "; ".join(words)
