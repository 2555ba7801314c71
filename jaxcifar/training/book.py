"""What a run remembers on the host: made empty, filled step by step, averaged into rows."""

from typing import Any

import numpy as np

from jaxcifar.core.types import Book, Plan
from jaxcifar.evaluation import weight_histograms
from jaxcifar.landscape import training_probes
from jaxcifar.programs import bind, record_dtypes

SCORE_FIELDS = ("train_eval_loss", "train_eval_accuracy", "val_loss", "val_accuracy")
ROW_FIELDS = ("epoch", "step", "lr", "train_loss", "train_accuracy", *SCORE_FIELDS, "seconds")


def new_book(plan: Plan) -> Book:
    """A Book before the first step."""
    m, n_row = len(plan.members), len(plan.events.evaluate)
    fields = {"lr": "float64", "examples": "uint32"}
    for phase in plan.phases:
        for name, dtype in record_dtypes(bind(phase.program)).items():
            # Counts of correct answers are fractions in a stage that mixes labels.
            fields[name] = dtype if fields.get(name, dtype) == dtype else "float32"
    return Book(
        plateau=plan.phases[0].plateau,
        best_value=np.full(m, -np.inf),
        best_step=np.full(m, -1, np.int64),
        steps={name: np.zeros((m, plan.n_step), dtype) for name, dtype in fields.items()},
        rows={name: np.full((m, n_row), np.nan) for name in ROW_FIELDS},
        seconds=np.zeros(1),
        histograms=weight_histograms.blank(plan) if plan.histograms else {},
        **training_probes.blank(plan),
    )


def lengthened(plan: Plan, book: Book) -> Book:
    """A Book of a run that was begun for fewer steps, with room for all of this plan's."""
    blank = new_book(plan)

    def fit(whole: dict[str, np.ndarray], part: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        for field, values in part.items():
            whole[field][tuple(slice(size) for size in values.shape)] = values
        return whole

    looks: dict[str, Any] = {
        name: fit(getattr(blank, name), getattr(book, name))
        for name in (probe.noted for probe in training_probes.PROBES)
    }
    return book._replace(
        steps=fit(blank.steps, book.steps),
        rows=fit(blank.rows, book.rows),
        histograms=fit(blank.histograms, book.histograms),
        **looks,
    )


def write_steps(book: Book, seen: dict[str, np.ndarray], first: int, stop: int) -> Book:
    """Enter what was recorded in the steps [first, stop), fields of (M, stop - first)."""
    for name, values in seen.items():
        book.steps[name][:, first:stop] = values  # the one array that grows in place
    return book


def write_histograms(book: Book, seen: dict[str, np.ndarray], row: int) -> None:
    """Enter what was seen of the weights, fields of (M, ...): row 0 before the first step."""
    for name, values in seen.items():
        book.histograms[name][:, row] = values


def write_probe(book: Book, noted: str, seen: dict[str, np.ndarray], index: int) -> None:
    """Enter the index-th look of a probe, fields of (M, ...), where it is noted."""
    for name, values in seen.items():
        getattr(book, noted)[name][:, index] = values


def train_means(plan: Plan, book: Book, step: int) -> dict[str, Any]:
    """Means over the steps since the evaluation before this one."""
    before = [0, *plan.events.evaluate][plan.events.evaluate.index(step)]
    steps = slice(before, step)
    images = plan.batch_sizes()[steps].sum()
    return {
        "epoch": plan.epochs_after(step),
        "step": step,
        "lr": book.steps["lr"][:, step - 1],
        "train_loss": book.steps["loss"][:, steps].mean(axis=1, dtype=np.float64),
        "train_accuracy": book.steps["correct"][:, steps].sum(axis=1) / images,
    }
