"""What the page says of the studies beside the bands: size, setup, numbers, figures."""

from collections.abc import Callable, Sequence

from jaxcifar.core.wording import DASH, listed
from jaxcifar.report import tables as of_run
from jaxcifar.report.blocks import (
    Block,
    Bullets,
    Code,
    Column,
    Facts,
    Gallery,
    Heading,
    Paragraph,
    Picture,
    Table,
    short,
)
from jaxcifar.report.caveats import not_claimed
from jaxcifar.report.run_records import Run
from jaxcifar.report.sections import warnings
from jaxcifar.reproduction.batchnorm import (
    around,
    optimizers,
    probes,
    rates,
    shift,
    starts,
)
from jaxcifar.reproduction.batchnorm.measures import View
from jaxcifar.reproduction.batchnorm.studies import KINDS, Study

SECTIONS: dict[str, tuple[Callable[[Study], list[Block]], ...]] = {
    "bn_rates": (rates.section,), "bn_init": (starts.section,), "bn_sgd": (optimizers.section,),
    "bn_probe": (probes.section, shift.section),
}  # fmt: skip
COMMAND = "python scripts/reproduce_bn.py --data DIR --variants "
FULL = {"bn": "bn:r1"}  # of those whose nameless variant is no report's


def size(run: View | Study, follows: str, odd: Sequence[str]) -> Paragraph:
    """Whether a run is at a published size, and what it is instead."""
    data = f"{run.name} on {run.run.records.data}"
    if odd:
        text = f"{data} is not {follows} at its published size: {'; '.join(odd)}."
        return Paragraph(text, "warning")
    return Paragraph(f"{data} has the size and the settings of {follows}.")


def sizes(studies: Sequence[Study]) -> list[Block]:
    """Which studies are at a published size, and what the others are instead."""
    return [size(study, study.follows, study.odd) for study in studies]


def missing(views: Sequence[View], studies: Sequence[Study]) -> list[Block]:
    """The studies that claims need and that have no records here, and how to make them."""
    there = {study.kind for study in studies}
    gone = [(name, kind.what) for name, kind in KINDS.items() if name not in there]
    if not views:
        gone.insert(0, ("bn", "loss bands over learning rates"))
    if not gone:
        return []
    titles = ("Study", "For", "Two CPU cores", "Published size")
    columns = tuple(Column(title, numeric=False) for title in titles)
    rows = [(name, what, Code(f"{name}:small"), Code(FULL.get(name, name))) for name, what in gone]
    here = [*(view.run for view in views), *(study.run for study in studies)]
    items = [*map(_item, here), *(row[2] for row in rows)]
    said = ("No records of these studies are here, so their claims have no number. The command "
            "trains them and leaves what is finished as it is; variants of the published size are "
            "for a GPU.")  # fmt: skip
    return [Paragraph(said), Paragraph(Code(COMMAND + " ".join(items))),
            Table(columns, tuple(rows))]  # fmt: skip


def _item(run: Run) -> str:
    """What names a run on the command line: ``small``, ``bn_rates:small,dtype=bfloat16``."""
    study, variant = run.config["study"], run.config.get("variant")
    name = f"{study}:{variant or 'default'}".removeprefix("bn:")
    return ",".join([name, *(f"dtype={t}" for t in run.settings("dtype") if t != "float32")])


def section(study: Study, pictures: Sequence[Picture]) -> list[Block]:
    """Everything about one study."""
    blocks: list[Block] = [
        Heading(f"{study.name}: {KINDS[study.kind].what}"), *warnings(study.run), facts(study.run),
    ]  # fmt: skip
    if study.parts:  # half a study measures something else
        for of in SECTIONS[study.kind]:
            blocks += of(study)
        blocks += around.section(study.around)
    blocks += [Gallery(tuple(pictures))] if pictures else []
    return [*blocks, Paragraph("What is not claimed:"), Bullets(not_claimed(study.run))]


def facts(run: Run) -> Facts:
    """What was run, where, with what: no path of the machine that did."""
    rows = []
    for name, value in of_run.public_setup(run):
        rows.append((name, value))
        if name == "Batch size":
            types = [short(value) for value in run.settings("dtype")]
            rows.append(("Computed in", listed(types) or DASH))
    return Facts(tuple(rows))
