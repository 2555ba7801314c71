"""Figures of a run, drawn from its records alone: no jax, no GPU, no training code."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from jaxcifar.figures import curves, landscape
from jaxcifar.figures.records import Member, Records, read_run
from jaxcifar.figures.style import save

__all__ = ["FIGURES", "FigureRow", "Member", "Records", "draw_all", "read_run"]


class FigureRow(NamedTuple):
    """How a figure is drawn, and the fields it needs: of steps.npz, or of metrics.jsonl."""

    draw: Callable[[Records], Figure]
    steps: tuple[str, ...] = ()
    evaluations: tuple[str, ...] = ()


# To add one: a function of the records that returns a Figure, and a row; the key is the file name.
_RANGE = ("last_layer_grad_min", "last_layer_grad_max")
FIGURES: Mapping[str, FigureRow] = {
    "loss_band_steps": FigureRow(landscape.loss_band_steps, steps=("loss",)),
    "loss_band_epochs": FigureRow(landscape.loss_band_epochs, ("loss",), ("epoch",)),
    "gradient_range": FigureRow(landscape.gradient_range, _RANGE, ("epoch",)),
    "gradient_range_all": FigureRow(landscape.gradient_range_all, _RANGE, ("epoch",)),
    "first_conv_gradient": FigureRow(
        curves.first_conv_gradient, ("first_conv_grad_norm",), ("epoch",)
    ),
    "loss_curves": FigureRow(curves.loss_curves, evaluations=("train_loss", "val_loss")),
    "accuracy_curves": FigureRow(
        curves.accuracy_curves, evaluations=("train_accuracy", "val_accuracy")
    ),
    "learning_rates": FigureRow(curves.learning_rates, steps=("lr",)),
}


def draw_all(workdir: Path | str) -> list[Path]:
    """Draw every figure whose fields were recorded to ``figures/NAME.png`` and ``.svg``.

    Returns:
        The files written. The same records give the same bytes.

    Raises:
        UserError: a record file is missing or not as expected.
    """
    records = read_run(workdir)
    written: list[Path] = []
    for name, row in FIGURES.items():
        if all(map(records.has_steps, row.steps)) and all(map(records.has, row.evaluations)):
            written += save(row.draw(records), Path(workdir) / "figures" / name)
    return written
