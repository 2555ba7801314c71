"""What each augmentation costs: milliseconds a batch inside a compiled loop, as in a training step.

Called by ``scripts/bench.py --augment``. Each loop takes its images from the resident ones by row
numbers, as a step does, and normalises them; what that alone takes is subtracted. The last lines
set R1's augmentations together against the step of the smallest CANet, the one they weigh most on.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

SETS = {
    "hflip": {}, "vflip": {}, "crop": {}, "randaugment": {}, "jitter": {}, "rotation": {},
    "erase": {}, "block_mask": {"mask_size": (4, 2, 1), "mask_rate": (0.9,)}, "fixed_mask": {},
    "mix": {}, "heavy": {},
}  # fmt: skip
R1 = ("hflip", "crop", "erase", "mix")
NETWORK, R1_BATCH = "canet_tiny", 256


def loop_of(
    names: tuple[str, ...], given: dict[str, Any], images: np.ndarray, batch: int
) -> Callable[[int], float]:
    """seconds = take(n) of n steps that transform a batch and do nothing else."""
    import jax
    import jax.numpy as jnp

    from jaxcifar import augment

    work, numbers = augment.resolve(names, given)
    half = np.full(3, 0.5, np.float32)
    normalise = partial(augment.normalise, mean=half, std=half)

    def body(step: Any, held: Any, data: Any, traced: Any) -> Any:
        visits = (jnp.arange(batch) * 7 + step) % (len(images) * augment.copies(work))
        copy, rows = jnp.divmod(visits, len(images))
        key = jax.random.fold_in(jax.random.key(0), step)
        seen, pairing = augment.transform_batch(key, data[rows], work, traced, normalise, copy)
        # The next batch waits for this one, whole and with its labels' shares.
        return seen if pairing is None else seen * (pairing.lam >= 0)

    @jax.jit
    def run(n: Any, data: Any, traced: Any) -> Any:
        empty = jnp.zeros((batch, 32, 32, 3), jnp.float32)
        return jax.lax.fori_loop(0, n, partial(body, data=data, traced=traced), empty)

    data = jnp.asarray(images)
    traced = {name: jnp.asarray(value, jnp.float32) for name, value in numbers.items()}

    def take(n: int) -> float:
        began = time.perf_counter()
        jax.block_until_ready(run(n, data, traced))
        return time.perf_counter() - began

    take(1)  # compiles
    return take


def costs(
    sets: dict[str, tuple[tuple[str, ...], dict]], images: np.ndarray, batch: int, rounds: int,
    steps: int,
) -> dict[str, float]:  # fmt: skip
    """Median milliseconds a batch of each set, over rounds in turn, less those of none."""
    loops = {label: loop_of(*row, images, batch) for label, row in {"": ((), {}), **sets}.items()}
    seen = {label: [take(steps) / steps for _ in range(rounds)] for label, take in loops.items()}
    middle = {label: 1e3 * statistics.median(values) for label, values in seen.items()}
    return {label: middle[label] - middle[""] for label in sets}


def main(
    pixels: Callable[[int], Any], step: Callable[[str, int], Callable[[int], float]],
    say: Callable[[str], None], batch: int, rounds: int,
) -> None:  # fmt: skip
    """Print the table.

    Args:
        pixels: n -> (images, labels).
        step: network, batch -> seconds of n training steps without augmentation.
        say: prints a line.
        batch: images a step; of R1's line it is 256.
        rounds: of which medians are taken.
    """
    images = pixels(2048)[0]
    singles: dict[str, tuple[tuple[str, ...], dict]] = {
        label: ((label,), given) for label, given in SETS.items()
    }
    for label, cost in costs(singles, images, batch, rounds, 20).items():
        say(f"  {label:<12} {cost:8.3f} ms a batch of {batch}")
    together = costs({"R1": (R1, {})}, images, R1_BATCH, rounds, 20)["R1"]
    say(f"  {'+'.join(R1)}: {together:.2f} ms a batch of {R1_BATCH}")
    take = step(NETWORK, R1_BATCH)
    whole = 1e3 * statistics.median(take(1) for _ in range(rounds))
    share = 100 * together / whole
    say(f"  a step of {NETWORK} takes {whole:.0f} ms: {share:.2f} % (at most 15 % is the aim)")
