"""How much of the published experiments has results: counted, quoted, and kept up to date."""

import re

import made_bn
import made_published
import numpy as np
import pytest
from places import CONFIGS, ROOT

from jaxcifar import cli
from jaxcifar.config import replace
from jaxcifar.reproduction import overview, overview_page
from jaxcifar.reproduction.verdicts import Verdict

MARKS = (
    "a\n<!-- picture: {0} -->\nold\n<!-- /picture -->\nb\n<!-- results: {0} --><!-- /results -->\n"
)


def load(name):
    return cli.load_study(f"{CONFIGS}/{name}.py:published")


def part(found, report, config):
    (one,) = (part for part in found.parts if (part.report, part.config) == (report, config))
    return one


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """R0's optimizers at their size, one member not finished; its schedules in a shorter form."""
    records = tmp_path_factory.mktemp("records")
    optimizers = load("r0_optimizer")
    missing = f"{optimizers.members[0].id}.s2"
    made_published.make(records / "r0_optimizer-published-0a", optimizers,
                        lambda member, seed: 0.8 + seed / 100, leave_out=[missing])  # fmt: skip
    schedules = load("r0_schedule")
    short = schedules.__class__(
        schedules.name, replace(schedules.base, {"train.epochs": 2}), schedules.members, 1, "quick"
    )
    made_published.make(records / "r0_schedule-quick-0a", short, lambda *_: 0.5, label="synthetic")
    unsaid = {"model.width": None, "optim.weight_decay": None}
    as_named_by_r1(made_bn.make(records / "bn-r1-0a", changes=unsaid))
    return overview.look(records)


def as_named_by_r1(folder):
    """Members called as configs/bn.py:r1 calls them."""
    study = cli.load_study(f"{CONFIGS}/bn.py:r1")
    names = {f"{member.id.split('-')[2]}-{member.overrides['optim.lr']:g}": member.id
             for member in study.members}  # fmt: skip
    pattern = re.compile(rf'"({"|".join(map(re.escape, names))})(?="|\.s)')
    for path in (*folder.glob("*.json*"), *folder.glob("groups/*/*.json*")):
        path.write_text(pattern.sub(lambda found: f'"{names[found[1]]}', path.read_text()))
    table = dict(np.load(folder / "steps.npz"))
    quoted = [pattern.sub(lambda found: f'"{names[found[1]]}', f'"{name}"')[1:-1]
              for name in table["members"]]  # fmt: skip
    np.savez(folder / "steps.npz", **{**table, "members": np.array(quoted)})


def test_rows_are_those_with_results_and_those_at_size(found):
    optimizers, schedules = part(found, "R0", "r0_optimizer"), part(found, "R0", "r0_schedule")
    assert (optimizers.rows, optimizers.done, optimizers.at_size) == (3, 3, 2)
    assert (schedules.rows, schedules.done, schedules.at_size) == (4, 4, 0)
    assert part(found, "R0", "r0_best")[3:6] == (1, 0, 0)
    assert part(found, "R0", "bn")[3:6] == (8, 0, 0)
    assert part(found, "R1", "bn")[3:6] == (8, 8, 8)
    assert found.total(bn=False) == (183, 7, 2) and found.total(bn=True) == (16, 8, 8)


def test_verdicts_are_those_of_the_pages(found):
    optimizers = part(found, "R0", "r0_optimizer").verdicts
    assert set(optimizers) <= {*Verdict} and optimizers.total() == 3
    assert optimizers[Verdict.NOT_RUN] == 1  # the one with an unfinished seed
    assert not part(found, "R0", "r0_best").verdicts
    judged = part(found, "R1", "bn").verdicts
    assert judged.total() > judged[Verdict.NOT_RUN] > 0


def test_the_page_tells_size_seeds_and_data(found):
    page = overview_page.page(found)
    assert "r0_optimizer:published: 3 seeds, CIFAR-10 (JPEG); 1 of 9 members not finished" in page
    assert "r0_schedule:quick: 1 seed, synthetic; train.epochs 2 (published: 50)" in page
    assert "Of 183 rows of the reports' tables and figures 7 have results here, 2 at" in page
    assert re.search(r"of the 16 runs of the two BatchNorm studies 8, 8 at theirs", page)


def test_the_readme_quotes_it_between_its_marks(found):
    marks = MARKS.format(overview_page.WRITTEN).replace("--><!--", "-->\n<!--")
    once = overview_page.quoted(marks, found)
    assert overview_page.quoted(once, found) == once
    assert "old" not in once and once.startswith("a\n") and "\nb\n" in once
    assert "Of 183 rows" in once and "docs/bn_quick.png" in once  # the band has no picture yet


def test_the_first_picture_is_the_band_at_its_size_once_it_is_drawn(found, tmp_path, monkeypatch):
    at = tmp_path / "docs" / "results" / "bn" / "bn-r1-loss_band_steps.png"
    at.parent.mkdir(parents=True)
    monkeypatch.setattr(overview_page, "CHECKOUT", tmp_path)
    assert "bn_quick" in overview_page.picture(found)
    at.write_bytes(b"")
    said = overview_page.picture(found)
    assert "](docs/results/bn/bn-r1-loss_band_steps.png)" in said and "as R1 ran it" in said
    assert "3 seeds" in said and "synthetic" not in said


def test_the_committed_index_and_readme_are_of_the_kept_records():
    found = overview.look(overview_page.RECORDS)
    again = "run python scripts/results_index.py"
    assert (ROOT / "docs/results/index.md").read_text() == overview_page.page(found), again
    readme = (ROOT / "README.md").read_text()
    assert readme == overview_page.quoted(readme, found), again
    assert all(f"<!-- {name}: {overview_page.WRITTEN} -->" in readme
               for name in ("picture", "results"))  # fmt: skip
