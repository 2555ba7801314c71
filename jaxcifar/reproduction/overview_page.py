"""``docs/results/index.md``, and what the README says of results and shows first.

    python scripts/results_index.py              # from docs/results/records, after new records came

All of it is counted from kept records; the pages of the reports tell each number.
"""

import argparse
import re
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxcifar.core.files import CHECKOUT, write_atomically
from jaxcifar.core.wording import DASH, listed, plural
from jaxcifar.report.blocks import Block, Code, Column, Document, Heading, Paragraph, Table
from jaxcifar.report.markdown import to_markdown
from jaxcifar.reproduction.overview import REPORTS, Overview, look
from jaxcifar.reproduction.reports import runs
from jaxcifar.reproduction.reports.runs import Trained
from jaxcifar.reproduction.verdicts import RULE, Verdict

RECORDS, PAGES = CHECKOUT / "docs" / "results" / "records", CHECKOUT / "docs" / "results"
README = CHECKOUT / "README.md"
WRITTEN = "written by scripts/results_index.py"
QUICK = (
    "![Training loss of VGG-A with and without BatchNorm over four learning rates]"
    "(docs/bn_quick.png)\n\n"
    "*VGG-A (width 0.25), four learning rates, one seed, **synthetic** images: what `make bn` "
    "draws. It\nshows that the machinery works and says nothing about CIFAR-10.*\n"
)


def page(found: Overview) -> str:
    """``docs/results/index.md``."""
    columns = (
        Column("Report", numeric=False), Column("Table or figure", numeric=False),
        Column("Config", numeric=False), Column("Rows"), Column("With results"),
        Column("At the published size"), Column("Ours", numeric=False),
        Column("Verdicts", numeric=False),
    )  # fmt: skip
    rows = tuple(
        (part.report, part.title, Code(part.config), str(part.rows), str(part.done),
         str(part.at_size), "; ".join(map(_size, part.runs)) or DASH, _counted(part.verdicts))
        for part in found.parts
    )  # fmt: skip
    blocks: list[Block] = [
        Paragraph(summary(found)),
        Heading("Tables and figures"),
        Table(columns, rows),
        Paragraph(RULE, "note"),
        Paragraph("Verdicts are of published values and of claims, of which a row may have "
                  "several. Seeds, data and what is not at the published size stand in "
                  "\"Ours\"; the pages tell each number.", "note"),
    ]  # fmt: skip
    text = to_markdown(Document("Results", tuple(blocks)))
    return f"{text}\n{_pages()}"


def _size(trained: Trained) -> str:
    """``r3_grid:asrun: 3 seeds, CIFAR-10; train.epochs 2 (published: 10)``."""
    entries = trained.run.entries
    members = list(dict.fromkeys(entry["study_id"] for entry in entries))
    seeds = plural(trained.run.config.get("seeds", 1), "seed")
    odd = runs.sizes(trained, members)
    return "; ".join([f"{trained.name}: {seeds}, {runs.label(trained)}", *odd])


def _counted(verdicts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(verdicts.items())) or DASH


def _pages() -> str:
    """Links to the pages that there are, as a list and for the site."""
    names = [name for name in ("bn", *map(str.lower, REPORTS)) if (PAGES / f"{name}.md").exists()]
    titles = {"bn": "The BatchNorm study"} | {name.lower(): f"Report {name}" for name in REPORTS}
    links = "\n".join(f"- [{titles[name]}]({name}.md)" for name in names)
    tree = "\n".join(names)
    return f"## Pages\n\n{links}\n\n```{{toctree}}\n:hidden:\n\n{tree}\n```\n"


def summary(found: Overview) -> str:
    """What the README says of results, in a few sentences."""
    rows, done, at_size = found.total(bn=False)
    bn, bn_done, bn_at_size = found.total(bn=True)
    verdicts = sum((part.verdicts for part in found.parts), Counter())
    judged = {name: count for name, count in verdicts.items() if name != Verdict.NOT_RUN}
    said = f" Verdicts by rule: {_counted(judged)}." if judged else ""
    labels = dict.fromkeys(runs.label(trained) for part in found.parts
                           for trained in part.runs)  # fmt: skip
    images = f" Images: {listed(list(labels))}." if labels else ""
    other = f" At other sizes: {listed(found.others)}." if found.others else ""
    return (
        f"Of {rows} rows of the reports' tables and figures {done} have results here, {at_size} "
        f"at their published size; of the {bn} runs of the two BatchNorm studies {bn_done}, "
        f"{bn_at_size} at theirs.{other}{images}{said}"
    )


def picture(found: Overview) -> str:
    """The README's first picture: the band at a published size; until then, the quick one."""
    for part in found.parts:
        for trained in part.runs:
            at = f"docs/results/bn/{trained.slug}-loss_band_steps.png"
            if part.config == "bn" and part.at_size == part.rows and (CHECKOUT / at).exists():
                seeds = plural(trained.run.config.get("seeds", 1), "seed")
                return (
                    "![Training loss of VGG-A with and without BatchNorm over four learning rates]"
                    f"({at})\n\n*VGG-A, four learning rates, {seeds}, "
                    f"{runs.label(trained)}, as {part.report} ran it.*\n"
                )
    return QUICK


def quoted(readme: str, found: Overview) -> str:
    """The README with its picture and its words on results as the records have them."""
    new = {"picture": picture(found),
           "results": textwrap.fill(summary(found), 100) + "\n"}  # fmt: skip
    for name, text in new.items():
        marks = rf"(?<=<!-- {name}: {WRITTEN} -->\n).*?(?=<!-- /{name} -->)"
        readme = re.sub(marks, text.replace("\\", r"\\"), readme, flags=re.DOTALL)
    return readme


def write(records: Path = RECORDS, out: Path = PAGES, readme: Path | None = README) -> Path:
    """Write ``OUT/index.md``, and the README's words where one is given."""
    found = look(records)
    write_atomically(out / "index.md", page(found).encode())
    if readme is not None:
        write_atomically(readme, quoted(readme.read_text(), found).encode())
    return out / "index.md"


def refresh(args: argparse.Namespace) -> None:
    """After a command that writes pages: the index, if these are the checkout's own."""
    if args.out.resolve() == PAGES and RECORDS.exists():
        print(f"page {write()}")


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    words = (__doc__ or "").splitlines()
    argparse.ArgumentParser(
        description=words[0], epilog="\n".join(words[1:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(argv)  # fmt: skip
    print(f"page {write()}")
    return 0
