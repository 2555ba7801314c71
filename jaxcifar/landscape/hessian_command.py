"""The command ``hessian``: eigenvalues, traces and spectra of a run folder's members."""

from itertools import product
from typing import Any

from jaxcifar import cli
from jaxcifar.checkpoints import trained_weights
from jaxcifar.core.console import say
from jaxcifar.core.errors import UserError
from jaxcifar.figures import spectrum
from jaxcifar.landscape.hessian import Asked, hessian
from jaxcifar.landscape.slice_commands import chosen, options
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
    """Work out and draw what was asked; returns the exit status, 2 if weights were refused.

    Raises: UserError: what can be mended; of several weights, what one of them lacks only if no
        other has an answer.
    """
    workdir, given = flags.run_folder(), options(flags)
    asked = list(product(chosen(workdir, flags), flags.many.get("which", ("best",))))
    for member, which in asked:
        trained_weights.find(workdir, member, which)  # a step that was not kept ends it at once
    found: list[Hessian] = []
    refused: list[tuple[str, UserError]] = []
    for member, which in asked:
        try:
            found.append(hessian(workdir, member, which=which, **given))
        except UserError as error:  # such as of a member that diverged: others have answers
            refused.append((f"{member} ({which})", error))
            continue
        print(f"{member} ({which}): {_line(found[-1])}")  # noqa: T201
    if not found:
        raise refused[0][1]
    for name, why in refused:
        say(f"{name}: {why}")
    names = list({hessians.group_name(each): None for each in found})
    for path in spectrum.draw_all(workdir, names):
        print(path)  # noqa: T201
    return 2 if refused else 0


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
