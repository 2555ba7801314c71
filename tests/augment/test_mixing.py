"""Mixup and CutMix against the report's code given the same draws, and the draws' distribution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pictures import golden

from jaxcifar.augment import mixing

RECORDED = golden("mix")
CASES = range(len(RECORDED["lam"]))
apply_mix, outside_box = jax.jit(mixing.apply_mix), jax.jit(mixing.outside_box, static_argnums=0)


def applied(kind, case, images=RECORDED["images"]):
    draws = mixing.Draws(
        jnp.int32(kind), jnp.asarray(RECORDED["lam"][case]), jnp.asarray(RECORDED["order"][case]),
        jnp.asarray(RECORDED["centre"][case]),
    )  # fmt: skip
    return apply_mix(jnp.asarray(images), draws)


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("case", CASES)
def test_mixup(case):
    images, pairing = applied(mixing.MIXUP, case)
    expected = RECORDED["mixup"][case]
    np.testing.assert_allclose(images[:, ::5, ::5], expected, rtol=0, atol=1e-10)
    assert float(pairing.lam) == RECORDED["lam"][case]
    np.testing.assert_array_equal(pairing.order, RECORDED["order"][case])


@pytest.mark.parametrize("case", CASES)
def test_cutmix(case):
    """The box pixel for pixel, and the share of what is really outside of it."""
    images, pairing = applied(mixing.CUTMIX, case)
    own, partner = RECORDED["images"], RECORDED["images"][RECORDED["order"][case]]
    images = np.asarray(images)
    np.testing.assert_array_equal(images[..., 0] == own[..., 0], RECORDED["cutmix"][case])
    assert ((images == own) | (images == partner)).all()
    assert float(pairing.lam) == RECORDED["cutmix_lam"][case]
    row = next(row for row in range(6) if RECORDED["order"][case][row] != row)
    assert pairing.lam == (images[row] == own[row]).mean(), "the share that really is its own"


def test_a_box_is_clipped_at_the_border():
    outside = outside_box((32, 32), jnp.float64(0.75), jnp.array([0, 31]))
    assert (np.argwhere(outside == 0) == [(r, c) for r in range(8) for c in range(23, 32)]).all()


def test_no_mixing_keeps_every_bit():
    images, pairing = applied(mixing.NONE, 2)
    np.testing.assert_array_equal(images, RECORDED["images"])
    assert pairing.lam == 1


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_images_keep_their_type(dtype):
    with jax.enable_x64(False):
        images, pairing = applied(mixing.MIXUP, 2, RECORDED["images"].astype(np.float32))
        low, _ = applied(mixing.CUTMIX, 2, jnp.asarray(RECORDED["images"], dtype))
    assert images.dtype == pairing.lam.dtype == np.float32 and low.dtype == dtype


def test_labels_are_mixed_by_their_shares():
    labels = jnp.arange(4)
    pairing = mixing.Pairing(jnp.array([1, 0, 3, 2]), jnp.float64(0.75))
    mixed = mixing.over_labels(lambda y: y.astype(jnp.float64), labels, pairing)
    assert mixed.tolist() == [0.25, 0.75, 2.25, 2.75]
    assert mixing.over_labels(lambda y: y, labels, None) is labels


@pytest.fixture(scope="module")
def draws():
    keys = jax.random.split(jax.random.key(0), 4000)

    def draw(key):
        return mixing.draw_mix(key, (5, 32, 32), jnp.array([0.3, 0.3]), jnp.float32(0.5))

    return jax.tree.map(np.asarray, jax.jit(jax.vmap(draw))(keys))


def test_kinds_come_in_their_shares(draws):
    for kind, share in ((mixing.MIXUP, 0.3), (mixing.CUTMIX, 0.3), (mixing.NONE, 0.4)):
        assert abs((draws.kind == kind).mean() - share) < 4 * np.sqrt(share * (1 - share) / 4000)


def test_shares_follow_the_beta_distribution(draws):
    """Beta(1/2, 1/2) has the distribution function 2 / pi * asin(sqrt(x))."""
    expected = 2 / np.pi * np.arcsin(np.sqrt(np.sort(draws.lam)))
    assert np.abs(expected - np.linspace(0, 1, 4000)).max() < 1.95 / np.sqrt(4000)  # p = 0.001
    for kind in range(3):
        assert abs(draws.lam[draws.kind == kind].mean() - 0.5) < 4 * np.sqrt(1 / 8 / 1000)


def test_centres_and_partners_are_uniform(draws):
    counts = np.zeros((32, 32))
    np.add.at(counts, tuple(draws.centre.T), 1)
    assert ((counts - 4000 / 1024) ** 2 * 1024 / 4000).sum() < 1168  # 1023 degrees: p = 0.001
    np.testing.assert_array_equal(np.sort(draws.order), np.tile(np.arange(5), (4000, 1)))
    partners = np.zeros((5, 5))
    np.add.at(partners, (np.tile(np.arange(5), 4000), draws.order.ravel()), 1)
    assert np.abs(partners / 4000 - 0.2).max() < 4.5 * 0.4 / np.sqrt(4000)
