"""Claims of the BatchNorm study: what they measure, and the verdicts that follow by rule."""

import numpy as np
import pytest
from made_bn import RATES, load, make, set_losses

from jaxcifar.core.wording import DASH
from jaxcifar.reproduction import reference
from jaxcifar.reproduction.batchnorm import claims, verdict_table
from jaxcifar.reproduction.batchnorm.differences import Tolerance
from jaxcifar.reproduction.verdicts import Verdict

BN = reference.load("bn")
LIMITS = Tolerance(**BN["tolerance"])
OF_BANDS = [claim for claim in claims.claims(BN) if claim.study == "bn"]


def test_claims_carry_the_published_numbers():
    found = {claim.text: claim for claim in claims.claims(BN)}
    assert len(found) == len(claims.claims(BN))
    final = found["At learning rate 0.001 the network with BatchNorm ends at 84.29 % of the test "
                  "set"]  # fmt: skip
    assert final.published == pytest.approx(0.8429) and final.sign == 0
    narrower = found["The loss band is narrower with BatchNorm, mean over all steps (without minus "
                     "with)"]  # fmt: skip
    assert narrower.published == pytest.approx(0.136) and narrower.sign == 1
    early = found["In its logs, against its text: wider with BatchNorm in epochs 1 and 2 (with "
                  "minus without)"]  # fmt: skip
    assert early.published == pytest.approx(0.323)
    reached = found["50 % of the test set by epoch 25 without BatchNorm, mean over the rates"]
    assert (reached.published, reached.report) == (25, "R0")
    spread = [claim for text, claim in found.items() if text.startswith("Less sensitive to the l")]
    assert 100 * spread[0].published == pytest.approx(-0.31)


def test_epochs_and_steps_come_in_whole_ones():
    found = {claim.unit.name: claim.resolution for claim in claims.claims(BN)}
    assert found["epochs"] == found["steps"] == found["doublings"] == 1
    assert found["%"] == found["points"] == 1e-4
    assert 0 < found["nats"] < 1e-6


def test_every_measured_claim_has_a_number_a_seed(view):
    for claim in OF_BANDS:
        assert claim.measure(view).shape == (3,)
        late = "step 5,000" in claim.text
        assert np.isfinite(claim.measure(view)).all() != late, claim.text


def test_claims_measure_what_they_say(tmp_path):
    """Accuracies .70 to .77 (BN first), bands of .4, .2 and then .1 nats, .05 without BN."""
    view = load(make(tmp_path, accuracy=[0.70 + 0.01 * k for k in range(8)], seeds=1))
    width = {"bn": [0.4, 0.2] + [0.1] * 48, "plain": [0.05] * 50}
    set_losses(view.run, lambda n, lr, _: 1 + np.array(width[n]) * RATES.index(lr) / 3)
    for member in view.run.records.members:
        reached = 2 if "without" in member.series else 4
        curve = np.where(np.arange(1, 51) >= reached + RATES.index(member.lr), 0.6, 0.4)
        view.run.records.evaluations[member.id]["val_accuracy"] = curve
        row = view.run.records.members.index(member)
        for end, scale in (("min", -1), ("max", 2)):
            entry = scale * (0.1 if "without" in member.series else 0.04)
            lowest = entry if member.lr == 1e-4 else 9.0
            view.run.records.steps[f"last_layer_grad_{end}"][row] = lowest
    found = [claim.measure(view)[0] for claim in OF_BANDS]
    mean = (0.4 + 0.2 + 48 * 0.1) / 50
    np.testing.assert_allclose(found, [
        0.72, 0.76, -0.04, 0.05 - mean, mean, 0.05, 0.25, np.nan, np.nan, np.nan, 0.18, 0.0,
        5.5, 3.5, 0.05 - mean, mean, 0.05, 0.35,
    ], atol=1e-9)  # fmt: skip


def verdicts_of(*views):
    return {(row[1], row[2]): row for row in verdict_table.verdicts(views, BN).rows}


NARROWER = "The loss band is narrower with BatchNorm, mean over all steps (without minus with)"
WIDTH = "Mean width of the loss band with BatchNorm"


@pytest.mark.parametrize("turned, verdict", [(1, Verdict.REPRODUCED), (-1, Verdict.CONTRADICTED)])
def test_the_sign_of_a_difference_decides(view, turned, verdict):
    wide = {"bn": 0.10 if turned > 0 else 0.25, "plain": 0.25 if turned > 0 else 0.10}

    def losses(network, lr, seed):
        width = wide[network] * (1 + 0.02 * seed)
        return np.full(50, 0.5 + width * RATES.index(lr) / 3)

    set_losses(view.run, losses)
    row = verdicts_of(view)[NARROWER, "bn:r1"]
    assert row[-1] == verdict and row[4] == "0.136" and float(row[8]) < 0.05
    assert float(row[5]) == pytest.approx(turned * 0.153)


def test_a_value_within_the_prediction_interval_is_reproduced(view):
    def losses(scale):
        return lambda network, lr, seed: np.full(
            50, scale * (1 + 0.05 * seed) * RATES.index(lr) / 3
        )

    set_losses(view.run, losses(0.107))
    row = verdicts_of(view)[WIDTH, "bn:r1"]
    assert row[4:8] == ("0.112", "0.112", "3", "0.086 to 0.139") and row[-1] == "reproduced"
    set_losses(view.run, losses(0.2))
    assert verdicts_of(view)[WIDTH, "bn:r1"][-1] == "contradicted"


def test_p_values_of_the_page_are_corrected_together(view):
    raw = [claim.measure(view) for claim in OF_BANDS if claim.sign]
    shown = [row[8] for row in verdict_table.verdicts([view], BN).rows if row[8] != DASH]
    assert 3 < len(shown) <= len(raw)


def test_no_verdict_without_the_published_size(tmp_path, view):
    small = load(make(tmp_path, "small", changes={"model.width": 0.25, "train.epochs": 3}))
    rows = verdict_table.verdicts([small], BN).rows
    assert {row[-1] for row in rows} == {"not run at published size"}
    assert {row[2] for row in rows} == {"bn:small", DASH}
    assert sum(row[5] != DASH for row in rows) > 10  # the numbers still stand there
    both = verdict_table.verdicts(
        [small, view], BN
    ).rows  # R1's are told by the run at its size alone
    assert {row[2] for row in both if row[0] == "R1"} == {"bn:r1", DASH}
    assert {row[2] for row in both if row[0] == "R0"} == {"bn:small", "bn:r1", DASH}
