"""The studies beside the BatchNorm bands: what they measure, by hand, and where they stand."""

import json

import numpy as np
import pytest
from made_studies import (
    BN,
    EPOCHS,
    STEPS,
    load,
    make_study,
    network,
    probed,
)

from jaxcifar.core.wording import DASH
from jaxcifar.report.blocks import Code, Paragraph, Picture, Table
from jaxcifar.reproduction import batchnorm
from jaxcifar.reproduction.batchnorm import (
    claims,
    optimizers,
    rates,
    starts,
    study_pictures,
    study_sections,
    verdict_table,
)
from jaxcifar.reproduction.batchnorm.studies import KINDS, PAPER
from jaxcifar.reproduction.verdicts import Verdict

LAST_STABLE = [  # stable or not by rising rate -> the place of the largest stable one
    ([True, True, False, False], 1), ([True, False, True, False], 0),  # what comes after is luck
    ([False, True, True, False], 2),  # too slow to have left the start
    ([True, True], 1), ([False, False], -1), ([False, True], 1),
]  # fmt: skip


@pytest.mark.parametrize("stable, place", LAST_STABLE)
def test_the_last_rate_before_the_first_that_diverged(stable, place):
    assert rates._last_stable(np.array(stable)) == place


def test_largest_stable_rates_by_hand(tmp_path):
    """With BatchNorm 8 doublings are stable and then two not; without it one less a seed."""

    def loss(config, seed):
        doublings = round(np.log2(config.optim.lr / 1e-4))
        stable = doublings <= (8 if network(config) == "bn" else 5 - seed)
        values = np.full(EPOCHS * STEPS, 9.0)  # only the last tenth of the first epoch counts
        values[STEPS - 1] = 2.2 if stable else np.nan if doublings > 9 else 2.31
        return values

    study = load(make_study(tmp_path / "run", "bn_rates", loss=loss))
    view = study.whole
    np.testing.assert_allclose(rates.largest_stable(view, "bn"), [1e-4 * 2**8] * 3)
    np.testing.assert_allclose(rates.largest_stable(view, "plain"), [32e-4, 16e-4, 8e-4])
    assert not rates.open_ended(view, "bn").any()
    (claim,) = rates.CLAIMS
    np.testing.assert_allclose(claim.measure(study), [3, 4, 5])
    assert rates.largest(view).rows == (
        ("with BatchNorm", "0.0256, 0.0256, 0.0256"),
        ("without BatchNorm", "0.0032, 0.0016, 0.0008"),
    )
    (said,) = rates.ratio(view)
    assert "with BatchNorm is 8, 16 and 32 times the one without it" in said.text
    shown = {row[0]: row[1:] for row in rates.losses(view).rows}
    assert shown["0.0001"] == ("2.200 (2.200 to 2.200)",) * 2
    assert shown["0.0512"][0] == "2.310 (2.310 to 2.310), diverged"
    assert shown["3.2768"] == ("not finite, diverged",) * 2


@pytest.mark.parametrize("values, words", [
    ([1.5], "1.500"), ([1, 2], "1.500 (1.000 to 2.000)"), ([2.2, 2.4], "2.300 (2.200 to 2.400)"),
    ([1.5, np.inf, np.inf], "1.500; 2 of 3 not finite"), ([2.31], "2.310, diverged"),
    ([4000.4, np.inf], "4,000; 1 of 2 not finite, diverged"), ([np.nan], DASH),
    ([np.inf] * 2, "not finite, diverged"),
])  # fmt: skip
def test_losses_in_words(values, words):
    assert rates._loss(np.array(values)) == words


def test_a_highest_rate_that_is_stable_is_a_lower_bound(tmp_path):
    def loss(config, seed):
        stable = network(config) == "bn" or config.optim.lr < 1 or seed == 1
        return np.full(EPOCHS * STEPS, 1.0 if stable else 3.0)

    view = load(make_study(tmp_path / "run", "bn_rates", seeds=2, loss=loss)).whole
    assert rates.open_ended(view, "bn").all()
    assert list(rates.open_ended(view, "plain")) == [False, True]
    assert rates.largest(view).rows == (
        ("with BatchNorm", "3.2768 or more, 3.2768 or more"),
        ("without BatchNorm", "0.8192, 3.2768 or more"),
    )
    assert "with BatchNorm is at least 4 times" in rates.ratio(view)[0].text


def test_spreads_of_starts_by_hand(tmp_path):
    """Without BatchNorm one start's rates reach .4, .43, .47, .5, the other's .2 to .4 more."""

    def place(config):
        return [1e-4, 5e-4, 1e-3, 2e-3].index(config.optim.lr) / 3

    def accuracy(config, seed):
        scale = 0.01 if network(config) == "bn" else 0.1
        more = 2 * (1 + place(config)) if config.model.init == "torch" else 0
        return 0.4 + scale * (place(config) + more) + 0.001 * seed

    def curve(config, seed):
        """Reached in epoch 1, or without BatchNorm from torch in 3 or, at the highest rate, 4."""
        late = network(config) == "plain" and config.model.init == "torch"
        at = (3 + (place(config) == 1)) if late else 1
        return np.where(np.arange(1, EPOCHS + 1) >= at, 0.65, 0.1)

    study = load(make_study(tmp_path / "run", "bn_init", accuracy=accuracy, curve=curve))
    assert starts.level(study) == 0.6
    found = [claim.measure(study) for claim in starts.CLAIMS]
    expected = [0.30 - 0.03, 2.25, (0.3 + 0.1) / 2 - 0.02, 0.5, 0.5 - 0.05, 3.0]
    for values, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(values, wanted, atol=1e-9)


def test_no_level_is_common_where_a_run_never_learns(tmp_path):
    def curve(config, seed):
        return np.full(EPOCHS, 0.1 if network(config) == "plain" and seed == 1 else 0.9)

    study = load(make_study(tmp_path / "run", "bn_init", curve=curve))
    assert starts.level(study) is None
    assert np.isnan(starts.epochs_to_level(study, "bn")).all()
    text = [block.text for block in starts.section(study) if isinstance(block, Paragraph)]
    assert text[0].startswith("Some runs do not reach 20 %")
    plain = [row for row in starts.cells(study).rows if row[0] == "without BatchNorm"]
    assert plain[0][-3:] == ("1.0 (2)",) * 3


LATE = 10  # round(5000 * 40 / 19550)


def spiked(spikes, down=1, level=0.5):
    """A loss of 40 steps, above 1 nat before epoch `down` (0-based) and at `spikes`."""
    values = np.full(EPOCHS * STEPS, level)
    values[: down * STEPS] = 2.0
    values[list(spikes)] = 3.0
    return values


SPIKES = [  # losses of the highest rate -> late spikes, and steps above 1 nat as on record
    (spiked([]), 0, 0),
    (spiked([25, 33]), 2, 2),
    (spiked([LATE, 5], down=0), 0, 0),  # not after the step
    (spiked([LATE + 1], down=0), 1, 1),
    (spiked([25], down=2), 0, 10),  # in the epoch whose mean comes down first
    (spiked([35], down=2), 1, 10),  # steps 11 to 19, before it came down, are no spikes
    (spiked([], down=4), np.nan, 29),  # never came down
    (np.where(np.arange(40) > 30, np.nan, spiked([25])), 1, 1),  # lost
]  # fmt: skip


@pytest.mark.parametrize("losses, spikes, above", SPIKES)
def test_late_spikes_by_hand(tmp_path, losses, spikes, above):
    def loss(config, seed):
        high = network(config) == "plain" and config.optim.lr in (2e-3, 25 * 2e-3)
        never = np.isnan(spikes)
        return losses if high or never else spiked([], down=0)

    view = load(make_study(tmp_path / "run", "bn_sgd", seeds=1, loss=loss)).parts["adam"]
    assert optimizers.late(view) == LATE
    np.testing.assert_array_equal(optimizers.spikes(view, "plain"), [spikes])
    assert optimizers.above(view, "plain").any(axis=1).sum(-1) == [above]


def test_spikes_of_adam_stand_beside_those_of_sgd(tmp_path):
    def loss(config, seed):
        many = network(config) == "plain" and config.optim.name == "adam"
        return spiked([25, 30, 35][: 3 - seed] if many else [30])

    study = load(make_study(tmp_path / "run", "bn_sgd", loss=loss))
    assert list(study.parts) == ["adam", "sgd"]
    (claim,) = optimizers.CLAIMS
    np.testing.assert_array_equal(claim.measure(study), [2, 1, 0])
    rows = optimizers.table(study).rows
    assert rows[1][:5] == ("Adam", "0.0001, 0.0005, 0.001, 0.002", "without BatchNorm",
                           "12 of 12", "3, 2, 1")  # fmt: skip
    assert rows[2][:2] == ("SGD, momentum 0.9", "0.0025, 0.0125, 0.025, 0.05")


def test_the_published_share_of_steps_is_the_recorded_one():
    assert BN["R1"]["steps"] == optimizers.OF_STEPS


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run of every study at its published size."""
    folder = tmp_path_factory.mktemp("studies")
    found = [load(make_study(folder / kind, kind)) for kind in KINDS if kind != "bn_probe"]
    return [*found, probed(folder / "probes", {"bn": 0.5, "plain": 1.0}, seeds=3)]


def test_no_claim_is_without_a_measure(whole):
    """Every claim of another study than the bands' has a finite number a seed."""
    kinds = {study.kind: study for study in whole}
    found = [claim for claim in claims.claims(BN) if claim.study != "bn"]
    assert {claim.study for claim in found} == set(KINDS)
    for claim in found:
        values = claim.measure(kinds[claim.study])
        assert values.shape == (3,) and np.isfinite(values).all(), claim.text
    rows = [row for row in verdict_table.verdicts([], BN, whole).rows if row[2] != DASH]
    assert len(rows) == len(found)
    assert all(row[-1] != Verdict.NOT_RUN and row[5] != DASH for row in rows)


@pytest.mark.parametrize("kind", KINDS)
def test_published_variants_are_at_their_size_and_small_ones_say_what_they_are(tmp_path, kind):
    study = load(make_study(tmp_path / "full", kind, seeds=1))
    assert study.odd == () and study.follows == {"bn_init": "R1", "bn_sgd": "R1"}.get(
        kind, "R0" if kind == "bn_rates" else PAPER
    )
    small = load(make_study(tmp_path / "small", kind, "small", seeds=1))
    assert any(word.startswith("width 0.") for word in small.odd)
    text = study_sections.sizes([small])[0].text
    assert text.startswith(f"{kind}:small on CIFAR-10 (JPEG) is not ")
    verdicts = {row[-1] for row in verdict_table.verdicts([], BN, [small]).rows}
    assert verdicts == {"not run at published size"}


@pytest.mark.parametrize("report", ["r0", "r1"])
def test_probes_of_a_report_s_runs_are_at_that_report_s_size(tmp_path, report):
    study = load(make_study(tmp_path / "run", "bn_probe", report, seeds=1))
    assert (study.follows, study.odd) == (report.upper(), ())


def test_studies_without_records_are_named_with_the_command_that_makes_them(whole):
    said, command, table = study_sections.missing([], whole[:1])
    assert "claims have no number" in said.text and isinstance(command.text, Code)
    assert command.text == (
        "python scripts/reproduce_bn.py --data DIR --variants bn_rates:default bn:small "
        "bn_init:small bn_sgd:small bn_probe:small"
    )
    assert [row[0] for row in table.rows] == ["bn", *list(KINDS)[1:]]
    assert [row[3] for row in table.rows] == ["bn:r1", *list(KINDS)[1:]]
    assert study_sections.missing([whole[0].whole], whole) == []


def test_half_a_study_measures_nothing(tmp_path):
    folder = make_study(tmp_path / "run", "bn_sgd", seeds=1)
    content = json.loads((folder / "summary.json").read_text())
    del content["members"]["sgd-bn-0.05"]
    (folder / "summary.json").write_text(json.dumps(content))
    study = load(folder)
    assert study.odd == ("1 of 16 members not finished",) and study.parts == {}
    assert study_pictures.draw(study, tmp_path) == []
    rows = verdict_table.verdicts([], BN, [study]).rows
    (row,) = [row for row in rows if row[2] == "bn_sgd"]
    assert row[5] == DASH and row[-1] == Verdict.NOT_RUN
    text = str(study_sections.section(study, []))
    assert "15 of 16 members" in text and "Late spikes" not in text


def test_every_study_has_a_section_with_tables_and_figures(whole):
    for study in whole:
        blocks = study_sections.section(study, [])
        assert blocks[0].text == f"{study.kind}: {KINDS[study.kind].what}"
        assert any(isinstance(block, Table) and block.rows for block in blocks)
        names = [name for name, _, _ in study_pictures.FIGURES[study.kind](study)]
        assert names and len(set(names)) == len(names)


@pytest.mark.slow
def test_every_figure_shows_something(whole, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(study_pictures, "save_small", lambda figure, path: drawn.append(
        [axes.get_lines() for axes in figure.axes if axes.get_visible()]) or path)  # fmt: skip
    for study in whole:
        pictures = study_pictures.draw(study, tmp_path)
        assert pictures and all(p.caption.endswith("3 seeds.") for p in pictures)
    assert len(drawn) == 10 and all(lines for axes in drawn for lines in axes)


def test_the_page_holds_the_studies_in_their_order(folder, tmp_path, no_figures, monkeypatch):
    """Figures are counted through, the bands' last."""
    monkeypatch.setattr(study_pictures, "draw", lambda study, out: [
        Picture(out / "a.png", f"bn/{study.slug}.png", "Figure", study.name)])  # fmt: skip
    runs = [make_study(tmp_path / kind, kind, "small", seeds=1) for kind in ("bn_sgd", "bn_rates")]
    text = batchnorm.write([folder, *runs], tmp_path / "out").read_text()
    assert batchnorm.write([*runs, folder], tmp_path / "again").read_text() == text
    places = [text.index(part) for part in (
        "## bn_rates:small: largest stable learning rate", "*Figure 1. bn_rates:small*",
        "## bn_sgd:small: late spikes", "*Figure 2. bn_sgd:small*", "## bn:r1: what was run",
    )]  # fmt: skip
    assert places == sorted(places)
    assert "--variants r1 bn_rates:small bn_sgd:small bn_init:small bn_probe:small`" in text
    assert batchnorm.speeds([*runs, folder]).startswith("bn:r1\n")


def test_a_page_of_other_studies_alone_names_the_bands_as_missing(tmp_path):
    run = make_study(tmp_path / "run", "bn_rates", seeds=1)
    text = batchnorm.write([run], tmp_path / "out").read_text()
    assert "| bn | loss bands over learning rates | `bn:small` | `bn:r1` |" in text
    assert (tmp_path / "out" / "bn" / "bn-rates-stable_rates.png").exists()
