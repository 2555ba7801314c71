"""Rows of a table against its first: in which measure, and what a pair of runs shares."""

import pytest
from made_published import make
from places import CONFIGS

from jaxcifar import cli
from jaxcifar.reproduction import reference, reports
from jaxcifar.reproduction.reports import page, tables


def made(folder, config, reached=lambda member, seed: 0.8 + 0.01 * seed):
    """A run of a config at its published size, and its table."""
    report = config[:2]
    (table,) = (t for t in reference.load(report)["tables"] if t["config"] == config)
    study = cli.load_study(f"{CONFIGS}/{config}.py:{table['variant']}")
    make(folder / "a", study, reached)
    (trained,) = reports.find(folder, {config: study})[config]
    return table, trained


@pytest.mark.parametrize(
    "config, title",
    [("r2_pretrain", "Difference in test accuracy, last weights (points) from R2-pretrain-"),
     ("r2_finetune", "Difference in test accuracy, last weights (points) from R2-finetune-sgd-"),
     ("r2_mask_rn_rr", "Difference in test accuracy, last weights (points) from R2-mask-rn-rr-"),
     ("r0_optimizer", "Difference in test accuracy, best weights (points) from R0-opt-adam"),
     ("r0_loss_controlled", "Difference in test accuracy, best weights (points) from R0-")],
)  # fmt: skip
def test_rows_are_compared_on_the_test_set_and_the_header_says_so(tmp_path, config, title):
    def reached(member, seed):
        return 0.8 + 0.001 * seed + 0.01 * (member in {row["member"] for row in table["rows"][1:]})

    (table,) = (t for t in reference.load(config[:2])["tables"] if t["config"] == config)
    table, trained = made(tmp_path, config, reached)
    found = tables.comparisons(table, trained)
    assert found.columns[1].title.startswith(title)
    assert len(found.rows) == len(table["rows"]) - 1
    assert {row[1] for row in found.rows} == {"1.00"}


def test_rows_with_seeds_of_their_own_are_named(tmp_path):
    table, trained = made(tmp_path, "r4_ablation")
    assert tables.other_seeds(table, trained) == ("R4-bn-const", "R4-none")
    notes = [b.text for b in page._beside(table, trained) if getattr(b, "kind", "") == "note"]
    assert notes == [
        "Paired test over seeds, p values corrected together. Other rows share their seeds with "
        "the first: the same order of images, and the same first weights where networks agree. "
        "R4-bn-const and R4-none have their own: there, pairs are independent runs, which makes "
        "the test no sharper."
    ]


def test_rows_that_share_their_seeds_are_said_to(tmp_path):
    table, trained = made(tmp_path, "r0_optimizer")
    assert tables.other_seeds(table, trained) == ()
    assert "corrected together. Rows share their seeds with" in page._paired(table, trained)
