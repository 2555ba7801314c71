"""A report's content in order, from records alone."""

from collections.abc import Sequence
from pathlib import Path

from jaxcifar.core.wording import listed, plural
from jaxcifar.report import tables
from jaxcifar.report.blocks import Block, Bullets, Document, Gallery, Heading, Paragraph, Picture
from jaxcifar.report.captions import caption
from jaxcifar.report.caveats import not_claimed
from jaxcifar.report.run_records import Run
from jaxcifar.report.statistics import SPIKES_ABOVE, SPIKES_AFTER

AUGMENTED = (
    "The best epoch was chosen on the {}, as the report followed here did: a clean validation "
    "split was not used, and the selection accuracy is that of randomly changed images."
)


STATISTICS = (
    " Averaged weights have BatchNorm statistics of their own, from a pass over the training "
    "images after the last epoch."
)


def document(run: Run, pictures: Sequence[Path]) -> Document:
    """The report of a run with these figures (PNG files in ``figures/``)."""
    blocks = [
        *opening(run),
        Heading("What was run"),
        tables.setup(run),
        *_results(run),
        *_landscape(run),
        *_figures(run, pictures),
        Heading("What is not claimed"),
        Bullets(not_claimed(run)),
    ]
    return Document(title(run), tuple(blocks))


def title(run: Run) -> str:
    """``Study bn:quick on synthetic images``."""
    return f"Study {run.records.study} on {_images(run)}"


def _images(run: Run) -> str:
    label = run.records.data
    return "synthetic images" if label == "synthetic" else label


def opening(run: Run) -> list[Paragraph]:
    """What the study is, and what must not be overlooked: unfinished, selected on the test set."""
    seeds, entries = run.config.get("seeds", 1), run.entries
    epochs = listed([plural(count, "epoch") for count in run.settings("train.epochs")])
    length = f", {epochs}" if epochs else ""
    what = (
        f"{plural(len({entry['study_id'] for entry in entries}), 'member')}, "
        f"{plural(seeds, 'seed')} each{length}, trained on {_images(run)}. "
        f"The {run.leading} weights are reported; the best epoch is chosen on: "
        f"{tables.split_name(run)}."
    )
    return [Paragraph(what), *warnings(run)]


def warnings(run: Run) -> list[Paragraph]:
    """What every reader of the numbers has to know first."""
    said = []
    if open_ := run.unfinished:
        done = len(run.entries) - len(open_)
        said.append(
            f"Unfinished run: {done} of {len(run.entries)} members are trained and scored. "
            f"Missing: {listed(open_)}."
        )
    if run.test_selected:
        said.append(
            "The test set selected: the best epoch was chosen by test accuracy, so the test "
            "accuracy of the best weights is optimistic."
        )
    said += [AUGMENTED.format(tables.SPLITS[name])
             for name in run.settings("select_on") if name.endswith("_augmented")]  # fmt: skip
    return [Paragraph(text, "warning") for text in said]


def _results(run: Run) -> list[Block]:
    blocks: list[Block] = [
        Heading("Members"),
        tables.members(run),
        Paragraph(
            "Members of a group train together: seconds are the whole group's, images/s counts "
            "one member's images over them. Selection accuracy is the one that chose the best "
            "epoch. The final training loss is the last recorded mean of step losses."
            + STATISTICS
            * bool({"swa", "ema"} & {*run.kinds}),
            "note",
        ),
    ]
    if found := tables.seeds(run):
        table, missing = found
        text = "Intervals: Student t, 95 %, over seeds. The deviation is the sample's (n \u2212 1)."
        if missing:
            text += f" Seeds without a score, left out: {listed(missing)}."
        blocks += [Heading("Test accuracy over seeds"), table, Paragraph(text, "note")]
    return blocks


def _landscape(run: Run) -> list[Block]:
    table = tables.landscape(run)
    if table is None:
        return []
    seeds = " Each number is the mean over seeds." if run.records.seeds > 1 else ""
    bands = (
        "Width: highest minus lowest training loss over the learning rates at a step, averaged "
        "over steps, up to where a run is lost. Spikes: steps after step "
        f"{SPIKES_AFTER:,} whose highest loss is above {SPIKES_ABOVE:g} nat; a dash where the "
        f"runs end before.{seeds}"
    )
    reach = f"Epoch of the first evaluation that reaches the accuracy on: {tables.split_name(run)}."
    selected = ", on the test set" if run.test_selected else ""
    return [
        Heading("Loss bands over learning rates"),
        table,
        Paragraph(bands, "note"),
        Heading(f"Epochs to reach an accuracy{selected}"),
        tables.speeds(run),
        Paragraph(reach, "note"),
    ]


def _figures(run: Run, pictures: Sequence[Path]) -> list[Block]:
    return [Heading("Figures"), gallery(run, pictures)] if pictures else []


def gallery(run: Run, pictures: Sequence[Path]) -> Gallery:
    """Figures (PNG files in ``figures/``) with their captions."""
    source = f"Data: {run.records.data}, n = {plural(run.records.seeds, 'seed')}."
    split = tables.split_name(run)
    shown = tuple(
        Picture(
            path=path,
            place=f"figures/{path.name}",
            name=f"Figure {number}",
            caption=caption(path.stem, split, source),
        )
        for number, path in enumerate(pictures, 1)
    )
    return Gallery(shown)
