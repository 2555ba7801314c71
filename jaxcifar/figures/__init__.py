"""Figures of a run, drawn from its records alone: no jax, no GPU, no training code."""

from collections.abc import Callable, Container, Iterator, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from jaxcifar.core import drawing  # noqa: F401  # before Matplotlib

# isort: split
from matplotlib.figure import Figure

from jaxcifar.core.errors import IncompleteError
from jaxcifar.core.files import given
from jaxcifar.figures import (
    activations,
    attention,
    best_lines,
    calibration,
    canet_block,
    confusion,
    covariate_shift,
    curves,
    filters,
    landscape,
    landscapes,
    layers,
    samples,
    singular_values,
    sizes,
    step_probes,
    weight_histograms,
)
from jaxcifar.figures.style import save
from jaxcifar.figures.test_set_counts import counts_of
from jaxcifar.records.curves import Member, Records, read_run
from jaxcifar.records.networks import Inside, read_inside

__all__ = [
    "FIGURES", "INSIDE", "FigureRow", "Inside", "InsideRow", "Member", "Records",
    "UndrawnError", "draw_all", "drawings", "read_inside", "read_run",
]  # fmt: skip


class FigureRow(NamedTuple):
    """How a figure is drawn, and the fields it needs: of steps.npz, or of metrics.jsonl.

    Of `positive` fields some value must be above 0, as a logarithm needs it.
    """

    draw: Callable[[Records], Figure]
    steps: tuple[str, ...] = ()
    evaluations: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()


class InsideRow(NamedTuple):
    """How a figure of the optional files is drawn, and whether they hold what it needs."""

    draw: Callable[[Records, Inside], Figure]
    there: Callable[[Records, Inside], object]  # true or false as Python sees it


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
    "accuracy_best_lines": FigureRow(
        best_lines.accuracy_best_lines, (), ("epoch",), positive=("val_accuracy",)
    ),
    "loss_best_lines": FigureRow(best_lines.loss_best_lines, (), ("epoch",), ("val_loss",)),
}

# The same for what only some runs record; the row says how to see that it is there.
INSIDE: Mapping[str, InsideRow] = {
    "accuracy_by_size": InsideRow(sizes.accuracy_by_size, sizes.has_sizes),
    "confusion_matrix": InsideRow(confusion.confusion_matrix, counts_of),
    "class_accuracy": InsideRow(confusion.class_accuracy, counts_of),
    "reliability": InsideRow(calibration.reliability, counts_of),
    "sample_predictions": InsideRow(samples.sample_predictions, lambda _, i: i.probes),
    "activation_rms": InsideRow(layers.activation_rms, lambda _, i: i.probes),
    "dead_units": InsideRow(layers.dead_units, lambda _, i: i.probes),
    "first_filters": InsideRow(filters.first_filters, lambda _, i: i.probed("filters")),
    "weight_histograms": InsideRow(weight_histograms.weight_histograms, lambda _, i: i.histograms),
    "canet_block": InsideRow(lambda *_: canet_block.block_diagram(), canet_block.has_canet),
    "attention_weights": InsideRow(
        weight_histograms.attention_weights, lambda _, i: weight_histograms.canets(i)
    ),
    "attention_maps": InsideRow(attention.attention_maps, lambda _, i: i.probed("attention")),
    "loss_variation": InsideRow(step_probes.loss_variation, step_probes.has_probes),
    "gradient_predictiveness": InsideRow(
        step_probes.gradient_predictiveness, step_probes.has_probes
    ),
    "gradient_cosine": InsideRow(step_probes.gradient_cosine, step_probes.has_probes),
    "effective_smoothness": InsideRow(step_probes.effective_smoothness, step_probes.has_probes),
    "distance_profile": InsideRow(step_probes.distance_profile, step_probes.has_probes),
    "covariate_shift_distance": InsideRow(
        covariate_shift.distance_over_training, covariate_shift.has_shift
    ),
    "covariate_shift_cosine": InsideRow(
        covariate_shift.cosine_over_training, covariate_shift.has_shift
    ),
    "covariate_shift_layers": InsideRow(covariate_shift.over_depth, covariate_shift.has_shift),
    "activation_distributions": InsideRow(activations.over_training, activations.has_activations),
    "singular_values": InsideRow(
        singular_values.singular_values, lambda _, i: i.probed("singular_values")
    ),
}


def drawings(
    workdir: Path | str, names: Container[str] | None = None
) -> Iterator[tuple[str, Figure]]:
    """Draw the figures whose fields were recorded, each when it is asked for.

    Args:
        workdir: a run folder.
        names: keys of `FIGURES` and `INSIDE` to draw; None = all.

    Raises:
        UserError: a record file is missing or not as expected.
    """
    for name, draw in _rows(workdir):
        if (names is None or name in names) and (figure := draw()):
            yield name, figure


def _rows(workdir: Path | str) -> Iterator[tuple[str, Callable[[], Figure | None]]]:
    """What draws each figure; it gives None where what the figure needs was not recorded."""
    records, inside = read_run(workdir), read_inside(workdir)
    for name, row in FIGURES.items():
        yield name, partial(_drawn, row, records)
    for name, of_inside in INSIDE.items():
        yield name, partial(_drawn_inside, of_inside, records, inside)


def _drawn(row: FigureRow, records: Records) -> Figure | None:
    there = (
        all(map(records.has_steps, row.steps))
        and all(map(records.has, row.evaluations))
        and all(records.has(field, above=0.0) for field in row.positive)
    )
    return row.draw(records) if there else None


def _drawn_inside(row: InsideRow, records: Records, inside: Inside) -> Figure | None:
    return row.draw(records, inside) if row.there(records, inside) else None


class UndrawnError(IncompleteError):
    """Some figures could not be drawn: `failed` names each and why. `files` are all others."""

    def __init__(self, files: list[Path], failed: Mapping[str, Exception]) -> None:
        self.files, self.failed = files, failed
        reasons = (f"{name} ({_reason(error)})" for name, error in failed.items())
        super().__init__(f"not drawn: {', '.join(reasons)}\nall else is there")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}".removesuffix(": ")


def draw_all(workdir: Path | str) -> list[Path]:
    """Draw every figure whose fields were recorded to ``figures/NAME.png`` and ``.svg``.

    Also those of what was measured at the run's weights since, see `landscapes.rows`.

    Returns:
        The files written. The same records give the same bytes.

    Raises:
        UserError: a record file is missing or not as expected.
        UndrawnError: figures that failed, after all others were drawn.
        OSError: a file cannot be written, as on a full disk.
    """
    place = given(workdir) / "figures"
    files: list[Path] = []
    failed: dict[str, Exception] = {}
    for name, draw in chain(_rows(workdir), landscapes.rows(workdir)):
        try:
            if figure := draw():
                files += save(figure, place / name)
        except OSError:
            raise
        except Exception as error:  # one figure less; the run is worth more
            failed[name] = error
            for suffix in (".png", ".svg"):  # one of other records would be taken for this one
                (place / f"{name}{suffix}").unlink(missing_ok=True)
    if failed:
        raise UndrawnError(files, failed) from next(iter(failed.values()))
    return files
