"""The transforms of minimal filtering along rows, against the sum they stand for."""

import numpy as np
import pytest

from jaxcifar.models.convolution.cook_toom import OUTPUTS, POINTS, filtering


@pytest.mark.parametrize("taps", POINTS)
def test_the_transforms_are_a_correlation(taps):
    """Bilinear, so that every pair of a sample and a tap decides it."""
    samples = OUTPUTS + taps - 1
    image, kernel, output = map(np.array, filtering(taps))
    assert image.shape == (samples, samples) and kernel.shape == (samples, taps)
    for sample, tap in np.ndindex(samples, taps):
        found = output @ (kernel[:, tap] * image[:, sample])
        wanted = [float(sample == place + tap) for place in range(OUTPUTS)]
        np.testing.assert_allclose(found, wanted, atol=1e-14)


@pytest.mark.parametrize("taps", POINTS)
def test_rounding_stays_near_the_direct_sum(taps):
    """The points were chosen for it: float32 against float64 over 64 channels."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, OUTPUTS + taps - 1, 64)).astype(np.float32)
    k = rng.standard_normal((taps, 64, 64)).astype(np.float32)
    image, kernel, output = (np.array(m, np.float32) for m in filtering(taps))
    v, u = np.einsum("ps,nsc->pnc", image, x), np.einsum("pt,tcd->pcd", kernel, k)
    found = np.einsum("op,pnd->ond", output, v @ u)
    wide = np.float64
    wanted = np.stack([
        sum(x[:, place + tap].astype(wide) @ k[tap].astype(wide) for tap in range(taps))
        for place in range(OUTPUTS)
    ])  # fmt: skip
    assert np.linalg.norm(found - wanted) / np.linalg.norm(wanted) < 1e-6
