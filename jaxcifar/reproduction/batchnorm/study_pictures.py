"""The figures of the studies beside the bands."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from jaxcifar.core import drawing  # noqa: F401  # before Matplotlib

# isort: split
from matplotlib.figure import Figure

from jaxcifar.core.wording import plural
from jaxcifar.figures import activations, covariate_shift, landscape, step_probes
from jaxcifar.figures.over_rates import over_rates
from jaxcifar.figures.style import save_small
from jaxcifar.report.blocks import Picture
from jaxcifar.reproduction.batchnorm import around, optimizers, rates, starts, tables
from jaxcifar.reproduction.batchnorm.measures import NAMES, NETWORKS
from jaxcifar.reproduction.batchnorm.studies import Study

Shown = tuple[str, Callable[[], Figure], str]  # a file's name, how it is drawn, its caption
TOP = 4.0  # nats; guessing has 2.3


def draw(study: Study, folder: Path) -> list[Picture]:
    """Write a study's figures as PNG into ``FOLDER/bn/``; none while it is unfinished."""
    if not study.parts:
        return []
    seeds = f"{study.name}, {study.run.records.data}, {plural(study.run.records.seeds, 'seed')}."
    pictures = []
    for name, figure, caption in (*FIGURES[study.kind](study), *around.figures(study.folder)):
        path = save_small(figure(), folder / "bn" / f"{study.slug}-{name}.png")
        pictures.append(Picture(path, f"bn/{path.name}", "Figure", f"{caption} {seeds}"))
    return pictures


def _rates(study: Study) -> list[Shown]:
    view = study.whole

    def figure() -> Figure:
        values = {NAMES[network]: rates.after_an_epoch(view, network) for network in NETWORKS}
        note = f"Dotted: {rates.LIMIT:g} nats, above which a run diverged"
        if any((found.mean(0) > TOP).any() for found in values.values()):
            note += f"; crosses: above {TOP:g} nats or not finite"
        ylabel = "training loss after the first epoch (nats)"
        return over_rates(view.run.records, values, view.rates, ylabel, note, rates.LIMIT, TOP)

    return [("stable_rates", figure, "Training loss after the first epoch over the learning rate.")]


def _starts(study: Study) -> list[Shown]:
    view = next(iter(study.parts.values()))

    def figure() -> Figure:
        values = {
            f"{tables.SHORT[network]}, {starts.INITS.get(init, init)}": 100 * found
            for network in NETWORKS
            for init, found in zip(study.parts, starts.final(study, network), strict=True)
        }
        return over_rates(view.run.records, values, view.rates, "final test accuracy (%)")

    return [
        (
            "starts",
            figure,
            "Final test accuracy over the learning rate, by initialisation; BN: with BatchNorm.",
        )
    ]


def _optimizers(study: Study) -> list[Shown]:
    return [
        (f"bands_{name}", partial(landscape.loss_band_steps, view.run.records),
         f"Loss bands over the learning rates with {optimizers.WORDS.get(name, name)}.")
        for name, view in study.parts.items()
    ]  # fmt: skip


ALONG = {  # figure of probes along the gradient -> its caption
    "loss_variation": "Loss along the gradient at every probe.",
    "gradient_predictiveness": "Change of the gradient along it at every probe.",
    "gradient_cosine": "Cosine of the gradients along the gradient at every probe.",
    "effective_smoothness": "Effective beta-smoothness at every probe.",
}
OF_LAYERS = {
    "distance_over_training": "Covariate shift: change of three layers' gradients at every probe.",
    "cosine_over_training": "Covariate shift: cosine of three layers' gradients at every probe.",
}

OF_OUTPUTS = {"over_training": "What three layers pass on to the activation, at every probe."}


def _probes(study: Study) -> list[Shown]:
    records, inside = study.whole.run.records, study.inside
    shown: list[Shown] = []
    for there, room, captions, of in (
        (step_probes.has_probes, step_probes, ALONG, ""),
        (covariate_shift.has_shift, covariate_shift, OF_LAYERS, ""),
        (activations.has_activations, activations, OF_OUTPUTS, "activations_"),
    ):
        if there(records, inside):
            shown += [(of + name, partial(getattr(room, name), records, inside), caption)
                      for name, caption in captions.items()]  # fmt: skip
    return shown


FIGURES: dict[str, Callable[[Study], list[Shown]]] = {
    "bn_rates": _rates, "bn_init": _starts, "bn_sgd": _optimizers, "bn_probe": _probes,
}  # fmt: skip
