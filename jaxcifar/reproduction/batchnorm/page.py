"""The page of the BatchNorm study: what it says, in order, from records alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxcifar.report import tables as of_run
from jaxcifar.report.blocks import (
    Block,
    Bullets,
    Document,
    Gallery,
    Heading,
    Paragraph,
    Picture,
)
from jaxcifar.report.caveats import not_claimed
from jaxcifar.report.run_records import Run
from jaxcifar.report.sections import warnings
from jaxcifar.report.statistics import SPIKES_ABOVE, SPIKES_AFTER
from jaxcifar.reproduction.batchnorm import (
    checks,
    differences,
    precision,
    speed,
    study_sections,
    tables,
    verdict_table,
)
from jaxcifar.reproduction.batchnorm.measures import View
from jaxcifar.reproduction.batchnorm.published_size import departures, follows
from jaxcifar.reproduction.batchnorm.studies import Study
from jaxcifar.reproduction.verdicts import RULE

Reference = Mapping[str, Any]

INTRODUCTION = (
    "Two study reports, R0 and R1, trained VGG-A with and without BatchNorm at four learning rates "
    "each and drew the band that the training loss spans over the rates. Here our runs stand "
    "beside the numbers their logs hold. All of it is made from records by one command, and no "
    "number or verdict is written by hand."
)


def document(
    views: Sequence[View], reference: Reference, pictures: Mapping[str, Sequence[Picture]],
    alone: Mapping[str, speed.Alone], beside: Run | None = None, studies: Sequence[Study] = (),
) -> Document:  # fmt: skip
    """The page of one or several runs; `pictures` and `alone` by the runs' names.

    `beside` holds single members at R1's own settings, `studies` what is measured beside the bands.
    """
    blocks: list[Block] = [
        Paragraph(INTRODUCTION),
        *_sizes(views, reference),
        *study_sections.sizes(studies),
        *study_sections.missing(views, studies),
        Heading("Claims"),
        verdict_table.verdicts(views, reference, studies),
        Paragraph(RULE, "note"),
        *_precision(views),
        *(checks.section(beside, reference["R1"], list(reference["rates"])) if beside else []),
    ]
    numbered = _numbered(pictures)
    for study in studies:
        blocks += study_sections.section(study, numbered.get(study.name, ()))
    for view in views:
        blocks += _run(view, reference, numbered.get(view.name, ()), alone.get(view.name, {}))
    return Document("The BatchNorm study: VGG-A with and without BatchNorm", tuple(blocks))


def _numbered(pictures: Mapping[str, Sequence[Picture]]) -> dict[str, list[Picture]]:
    """Figures counted through in the order of the runs."""
    counted, shown = {}, 0
    for name, found in pictures.items():
        counted[name] = [
            picture._replace(name=f"Figure {place}")
            for place, picture in enumerate(found, shown + 1)
        ]
        shown += len(found)
    return counted


def _sizes(views: Sequence[View], reference: Reference) -> list[Block]:
    """Which runs are at a report's size, and what the others are instead."""
    return [
        study_sections.size(view, follows(view), departures(view, reference, follows(view)))
        for view in views
    ]


def _precision(views: Sequence[View]) -> list[Block]:
    found = precision.table(views)
    return [Heading("Does the compute type matter?"), found] if found else []


def _run(
    view: View, reference: Reference, pictures: Sequence[Picture], alone: speed.Alone
) -> list[Block]:
    """Everything about one run."""
    handle = follows(view)
    report, rates = reference[handle], list(reference["rates"])
    split = of_run.split_name(view.run)
    beside = f"Recorded: {handle}. Ours: mean over seeds" + (
        " (lowest to highest)." if view.seeds > 1 else "."
    )
    blocks: list[Block] = [
        Heading(f"{view.name}: what was run"),
        *warnings(view.run),
        study_sections.facts(view.run),
        speed.table(view, alone),
        Heading(f"{view.name}: loss bands"),
        *(Paragraph(text) for text in differences.what_the_bands_do(view)),
        Paragraph("Width of the band over the learning rates, mean over an epoch's steps."),
        tables.widths(view, report, of_means=False),
        Paragraph("Width of the band of epoch means."),
        tables.widths(view, report, of_means=True),
        Paragraph(f"{beside} Apart: steps at which the bands have no loss in common.", "note"),
        *([Gallery(tuple(pictures))] if pictures else []),
        Heading(f"{view.name}: test accuracy"),
        tables.accuracy(view, report, rates),
        Paragraph(f"{beside} Best weights: highest accuracy on: {split}.", "note"),
        Heading(f"{view.name}: epochs to reach an accuracy"),
        tables.epochs_to(view, report, rates),
        Paragraph(f"Accuracy on: {split}; recorded: on the test set. One number a seed. A range "
                  "where the record skips epochs.", "note"),
        Heading(f"{view.name}: spikes"),
        tables.spikes(view, report),
        Paragraph(f"Spikes: steps after step {SPIKES_AFTER:,} (0-based) at which a learning rate's "
                  f"loss is above {SPIKES_ABOVE:g} nat; a dash where the runs end before. One "
                  "number a seed.", "note"),
        *_gradients(view, report, rates),
        Heading(f"{view.name}: mean training loss"),
        tables.by_epoch(view, report, rates, "loss", "train_loss", 4),
        Paragraph("Ours / recorded, in nats. Ours: mean over seeds.", "note"),
        Paragraph("Loss of the first step, before any update, in nats."),
        tables.first_steps(view, rates, "loss", report.get("first_step_loss", {}), 4),
        Heading(f"{view.name}: where it differs from {handle}"),
        *_differences(view, reference, handle),
        Heading(f"{view.name}: what is not claimed"),
        Bullets(not_claimed(view.run)),
    ]  # fmt: skip
    return blocks


def _gradients(view: View, report: Mapping[str, Any], rates: list[float]) -> list[Block]:
    blocks: list[Block] = []
    if found := tables.gradient(view, report):
        note = ("Entries of the last layer's kernel gradient: each step's smallest and largest, "
                "epoch means.")  # fmt: skip
        title = f"{view.name}: last-layer gradient at learning rate {view.lowest:g}"
        blocks += [Heading(title), found, Paragraph(note, "note")]
    if "first_conv_gradient_norm" in report and view.run.records.has_steps("first_conv_grad_norm"):
        field = "first_conv_grad_norm"
        blocks += [
            Heading(f"{view.name}: gradient norm of the first convolution"),
            tables.by_epoch(view, report, rates, field, "first_conv_gradient_norm", 2),
            Paragraph("Ours / recorded, epoch means. It is not smaller with BatchNorm at every "
                      "rate on record, so it is no evidence of smoothness.", "note"),
            Paragraph("Norm at the first step, before any update."),
            tables.first_steps(view, rates, field,
                               report["first_conv_gradient_norm"]["first_step"], 3),
        ]  # fmt: skip
    return blocks


def _differences(view: View, reference: Reference, handle: str) -> list[Block]:
    tolerance = differences.Tolerance(**reference["tolerance"])
    limits = (f"{tolerance.accuracy_points:g} points of accuracy after the last epoch, a factor "
              f"{tolerance.loss_factor:g} on mean losses and widths")  # fmt: skip
    if odd := departures(view, reference, handle):
        return [Paragraph(f"The tolerance ({limits}) means something at the published size alone. "
                          f"Here: {'; '.join(odd)}. No difference is judged.")]  # fmt: skip
    found = differences.sentences(view, reference[handle], list(reference["rates"]), tolerance)
    if not found:
        return [Paragraph(f"Nothing differs beyond the tolerance: {limits}.")]
    return [Paragraph(f"Beyond the tolerance ({limits}):"), Bullets(found)]
