"""All that training can look at before a step: when, where it is noted, and the file it goes to."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from jaxcifar.core.types import Book, Plan
from jaxcifar.landscape import step_activations, step_probes, step_shift
from jaxcifar.landscape.moment import Moment
from jaxcifar.records import activations, covariate_shift
from jaxcifar.records import step_probes as along_gradient

Arrays = dict[str, np.ndarray]


class Probe(NamedTuple):
    """One kind of look: a program of its own, which changes nothing of the training."""

    event: str  # field of `Events`: before which steps
    noted: str  # field of `Book`
    file: str  # in the group's folder
    blank: Callable[[Plan], Arrays]  # (M, P, ...) before anything is measured
    measure: Callable[[Plan, Moment], Arrays]  # (M, ...)
    table: Callable[[Plan, Book, int], Arrays]  # of the file, once so many steps are taken

    def steps(self, plan: Plan) -> tuple[int, ...]:
        """Before which steps it looks, counted from 0."""
        return tuple(getattr(plan.events, self.event))


def _along_gradient(plan: Plan, at: Moment) -> Arrays:
    return step_probes.measure(
        at.program, plan.probe_sizes, at.state, at.numbers, at.stream, at.data, at.span
    )


PROBES = (
    Probe(
        "probe", "probes", along_gradient.FILE,
        step_probes.blank, _along_gradient, step_probes.table,
    ),
    Probe(
        "shift", "shift", covariate_shift.FILE,
        step_shift.blank, step_shift.measure, step_shift.table,
    ),
    Probe(
        "activations", "activations", activations.FILE,
        step_activations.blank, step_activations.measure, step_activations.table,
    ),
)  # fmt: skip
"""In the order in which they look."""


def due(plan: Plan, step: int) -> Iterator[tuple[Probe, int]]:
    """What looks before a step, and the number of its look, from 0."""
    for probe in PROBES:
        if step in probe.steps(plan):
            yield probe, probe.steps(plan).index(step)


def blank(plan: Plan) -> dict[str, Arrays]:
    """The fields of a Book that hold what probes see, before anything is measured."""
    return {probe.noted: probe.blank(plan) for probe in PROBES if probe.steps(plan)}


def tables(plan: Plan, book: Book, taken: int) -> Iterator[tuple[str, Arrays]]:
    """Files of the probes that were asked for, and what they hold once `taken` steps are taken."""
    for probe in PROBES:
        if probe.steps(plan):
            yield probe.file, probe.table(plan, book, taken)
