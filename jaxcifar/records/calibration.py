"""How far confidence is from accuracy. NumPy only."""

import numpy as np

Array = np.ndarray


def expected_calibration_error(
    bin_count: Array, bin_correct: Array, bin_confidence: Array
) -> float:
    """Mean distance of accuracy and confidence over bins of confidence, weighted by images.

    sum_b |correct_b - confidence_b| / N: Guo et al. 2017 (arXiv:1706.04599), equation 3.

    Args:
        bin_count: (B,) images in each bin of the top probability.
        bin_correct: (B,) how many of them were classified correctly.
        bin_confidence: (B,) the sum of their top probabilities.

    Returns:
        A fraction in [0, 1]; NaN where there is no image.
    """
    total = float(np.sum(bin_count))
    gap = np.abs(np.asarray(bin_correct, np.float64) - np.asarray(bin_confidence, np.float64))
    return float(gap.sum() / total) if total else float("nan")
