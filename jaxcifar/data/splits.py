"""Which training images are set aside for validation."""

import numpy as np
from numpy.typing import NDArray

from jaxcifar.core.errors import UserError

Index = NDArray[np.int32]


def split(n: int, fraction: float, seed: int) -> tuple[Index, Index]:
    """A random part of `n` training images for validation, and the rest for training.

    The draw is PCG64's raw stream, which NumPy promises to keep. Example: `split(50_000, 0.1, 0)`
    gives 45,000 and 5,000 rows.

    Args: fraction: of the images, for validation, in [0, 1); 0 gives an empty validation part.
    Returns: (train_index, validation_index), each sorted int32, together each row once.
    Raises: UserError: the fraction is out of range or leaves nothing to train on.
    """
    validation = round(n * fraction) if 0 <= fraction < 1 else n
    if validation >= n:
        raise UserError(
            f"a validation part of {fraction} of {n:,} images leaves none to train on\n"
            "allowed: 0 (no validation part) up to, not including, 1"
        )
    draws = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(n)
    order = np.argsort(draws, kind="stable").astype(np.int32)
    return np.sort(order[validation:]), np.sort(order[:validation])
