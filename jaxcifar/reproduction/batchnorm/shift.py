"""Internal covariate shift of the layers that both networks have, in each third of training."""

from collections.abc import Callable
from functools import partial

import numpy as np

from jaxcifar.figures.chosen_layers import common
from jaxcifar.records.covariate_shift import Shift
from jaxcifar.report.blocks import Block, Bullets, Paragraph
from jaxcifar.reproduction.batchnorm import probes
from jaxcifar.reproduction.batchnorm.probes import PHASES, STUDY
from jaxcifar.reproduction.batchnorm.statement import COSINE, DECADES, Claim, higher
from jaxcifar.reproduction.batchnorm.studies import Study

OfShift = Callable[[Shift, tuple[str, ...]], np.ndarray]  # (P,) of the layers named


def shared_layers(study: Study) -> tuple[str, ...]:
    """The layers that every member has, in order, without the first: before it nothing moves."""
    found = [each.layers[1:] for each in study.inside.shift.values()]
    return common(found) if found else ()


def _of_layers(shift: Shift, layers: tuple[str, ...], values: np.ndarray) -> np.ndarray:
    return values[:, [shift.layers.index(name) for name in layers]]


def relative_distance(shift: Shift, layers: tuple[str, ...]) -> np.ndarray:
    """Change of the gradient over its norm, (P,): mean over layers of the logarithm, base 10."""
    change, norm = (_of_layers(shift, layers, v) for v in (shift.distance, shift.gradient_norm))
    ratio = np.full(change.shape, np.nan)
    np.divide(change, norm, out=ratio, where=(norm > 0) & (change > 0))
    return np.log10(ratio).mean(1)


def distance(shift: Shift, layers: tuple[str, ...]) -> np.ndarray:
    """Change of the gradient, (P,): mean over layers of the logarithm, base 10."""
    change = _of_layers(shift, layers, shift.distance)
    return np.log10(np.where(change > 0, change, np.nan)).mean(1)


def cosine(shift: Shift, layers: tuple[str, ...]) -> np.ndarray:
    """Cosine of the gradients before and after, (P,): mean over layers."""
    return _of_layers(shift, layers, shift.cosine).mean(1)


MEASURED = (
    ("Change of a layer's gradient", distance, DECADES, "plain"),
    ("Change of a layer's gradient over its norm", relative_distance, DECADES, "plain"),
    ("Cosine of a layer's gradients", cosine, COSINE, "bn"),
)


def by_phase(study: Study, network: str, of: OfShift) -> np.ndarray:
    """A measure of the shift (seeds, phases), mean over the learning rates."""
    layers = shared_layers(study)
    found = {
        name: probes.phase_means(of(each, layers)) for name, each in study.inside.shift.items()
    }
    return probes.over_members(study.whole, network, found)


def _claims() -> tuple[Claim, ...]:
    made = []
    for name, of, unit, better in MEASURED:
        for place, phase in enumerate(PHASES):
            measure = partial(by_phase, of=of)
            words = f"Less internal covariate shift with BatchNorm: {name[0].lower()}{name[1:]} "
            made.append(higher(
                better, "R0, R1", f"{words}through the step of the layers before; {phase} third "
                "of training", probes.in_phases(measure, place), None, unit, STUDY,
            ))  # fmt: skip
    return tuple(made)


CLAIMS = _claims()


def section(study: Study) -> list[Block]:
    """Every measure of both networks by phase, or nothing where none was taken."""
    if not any(len(found.step) for found in study.inside.shift.values()):
        return [Paragraph("Internal covariate shift was not recorded.")]
    layers = shared_layers(study)
    first = next(iter(study.inside.shift.values()))
    text = (
        "Internal covariate shift: what the step of all layers before it, and only theirs, "
        f"does to a layer's gradient on the same minibatch, at {len(first.step)} probes. Mean "
        f"over the {len(layers)} layers that both networks have, the first left out."
    )
    note = "Mean over the probes of a third, then over the learning rates and seeds."
    found = probes.phase_table(study, [
        (name, unit, partial(by_phase, of=of)) for name, of, unit, _ in MEASURED
    ])  # fmt: skip
    said = probes.sentences(study, [
        (name, better, partial(by_phase, of=of)) for name, of, _, better in MEASURED
    ])  # fmt: skip
    return [Paragraph(text), found, Paragraph(note, "note"), Paragraph(probes.SAID),
            Bullets(said)]  # fmt: skip
