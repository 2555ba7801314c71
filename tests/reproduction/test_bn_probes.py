"""Probes along the gradient and covariate shift of the BatchNorm studies, by hand."""

import numpy as np
from made_studies import (
    LAYERS,
    along_gradient,
    load,
    make_study,
    probed,
    shifted,
)

from jaxcifar.reproduction.batchnorm import (
    probes,
    shift,
)


def test_phases_are_thirds_and_leave_holes_out():
    values = np.array([0.0, 0.0, 6.0, np.nan, 5.0, np.nan, np.nan, np.nan, 7.0])
    np.testing.assert_array_equal(probes.phase_means(values), [2, 5, 7])
    np.testing.assert_array_equal(probes.phase_means(np.array([1.0])), [1, np.nan, np.nan])
    assert np.isnan(probes.phase_means(np.empty(0))).all()


def test_probes_by_hand(tmp_path):
    """Quadratics of curvature .1 and 1: a decade apart in smoothness and in distance."""
    study = probed(tmp_path, {"bn": 0.1, "plain": 1.0})
    found = {claim.text: claim.measure(study) for claim in probes.CLAIMS}
    assert len(found) == 15
    for text, values in found.items():
        assert values.shape == (2,)
        if "beta-smoothness" in text or "largest change" in text:
            np.testing.assert_allclose(values, 1.0, err_msg=text)
        if "cosine" in text:
            np.testing.assert_allclose(values, 0.09, err_msg=text)
    steep = probes._steepness(along_gradient(0.1))
    norm = np.linspace(2.0, 1.0, 9)
    np.testing.assert_allclose(steep, norm * (1 - 0.1 * 0.05 / 2))  # at the smallest size


def test_phases_of_probes_are_told_apart(tmp_path):
    """A network that is rough in the last third alone."""
    study = probed(tmp_path, {"bn": 1.0, "plain": 1.0}, seeds=1)
    late = {
        name: each._replace(smoothness=np.where(np.arange(9) < 6, 1.0, 100.0))
        if name.startswith("plain") else each for name, each in study.inside.step_probes.items()
    }  # fmt: skip
    study = study._replace(inside=study.inside._replace(step_probes=late))
    found = [c.measure(study)[0] for c in probes.CLAIMS if "beta-smoothness" in c.text]
    np.testing.assert_allclose(found, [0, 0, 2], atol=1e-12)
    said = probes.sentences(study, [
        ("Roughness", "plain", lambda *a: probes.by_phase(*a, lambda p: p.smoothness)),
        ("Early one", "bn", lambda study, n: np.array([[1.0, 0, 0], [2, 0, 1]]) * (n == "bn")),
        ("Both", "bn", lambda study, n: np.array([[1.0, -1, 0]]) * (n == "bn")),
        ("Nowhere", "bn", lambda study, n: np.full((2, 3), np.nan)),
    ])  # fmt: skip
    assert said == (
        "Roughness: as claimed in the late third.",
        "Early one: as claimed in the early and late thirds.",
        "Both: as claimed in the early third, the other way round in the middle third.",
    )


def test_losses_that_are_not_finite_leave_their_probe_out(tmp_path):
    study = probed(tmp_path, {"bn": 1.0, "plain": 1.0}, seeds=1)
    each = study.inside.step_probes["plain"]
    losses = each.losses.copy()
    losses[0, -1] = np.nan
    found = {**study.inside.step_probes, "plain": each._replace(losses=losses)}
    study = study._replace(inside=study.inside._replace(step_probes=found))
    claim = next(c for c in probes.CLAIMS if c.text.startswith("A smoother landscape"))
    assert np.isfinite(claim.measure(study)).all()
    assert "1 losses along the gradient were not finite" in probes.section(study)[2].text


def test_shift_by_hand(tmp_path):
    """Layers that both networks have, without the first."""
    study = probed(tmp_path, {"bn": 1.0, "plain": 1.0})
    assert shift.shared_layers(study) == ("conv2", "fc1") and "bn1" in LAYERS
    found = [claim.measure(study) for claim in shift.CLAIMS]
    for values, expected in zip(found, [1.0] * 6 + [0.3] * 3, strict=True):
        np.testing.assert_allclose(values, [expected] * 2)
    one = shifted(0.5, 0.9)
    np.testing.assert_allclose(shift.distance(one, ("conv2",)), np.log10(0.5))
    np.testing.assert_allclose(shift.relative_distance(one, ("conv2",)), np.log10(0.25))


def test_a_study_that_recorded_no_shift_says_so(tmp_path):
    study = load(make_study(tmp_path / "run", "bn_probe", seeds=1))
    assert [block.text for block in probes.section(study)] == [
        "No probe along the gradient was taken."
    ]
    assert [block.text for block in shift.section(study)] == [
        "Internal covariate shift was not recorded."
    ]
    assert all(np.isnan(claim.measure(study)).all() for claim in (*probes.CLAIMS, *shift.CLAIMS))
