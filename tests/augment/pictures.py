"""Images that are hard on pixel operations, and their references."""

import numpy as np
import places

GOLDEN = np.load(places.GOLDEN / "augment.npz")
PICTURES = GOLDEN["pictures"]  # (8, 32, 32, 3) uint8


def golden(part):
    """The arrays recorded under one prefix."""
    return {
        name.partition("/")[2]: GOLDEN[name] for name in GOLDEN.files if name.startswith(f"{part}/")
    }


def many(n, seed=0):
    """(n, 32, 32, 3) uint8: noise, narrow, skewed, few values, ramps, flat with a spot."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:32, :32]
    made = []
    for index in range(n):
        low, spread = rng.integers(0, 200), rng.integers(1, 56)
        ramp = rows * rng.uniform(0, 8) + columns * rng.uniform(0, 8)
        spot = np.full((32, 32, 3), low)
        spot[:5, :5] = rng.integers(0, 256, (5, 5, 3))
        made.append([
            rng.integers(0, 256, (32, 32, 3)), rng.integers(low, low + spread, (32, 32, 3)),
            255 * rng.beta(0.3, 2, (32, 32, 3)), rng.choice([low, low + spread], (32, 32, 3)),
            np.stack([ramp, 255 - ramp, ramp / 2], -1), spot,
        ][index % 6])  # fmt: skip
    return np.clip(np.stack(made), 0, 255).astype(np.uint8)
