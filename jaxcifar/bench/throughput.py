"""The timing core of the benches: contenders, ours as `train` builds them, that take turns.

Each round times every contender once; rates are medians over rounds. What is asked of it, and its
flags, stand in `jaxcifar.bench.__main__`.
"""

import json
import statistics
import time
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

BATCH = 128
N_IMAGES = 50_000  # as CIFAR-10's: an epoch is a segment where a run's is


class Contender(NamedTuple):
    """Something that takes n steps: seconds = take(n), on `images` images a step."""

    label: str
    take: Any
    images: int
    first: float  # seconds of the first step, compilation included; NaN = not timed
    what: dict[str, Any]  # members and lane, or PyTorch's variant
    made: Any = None  # the plan that `train` would make of the same study


def parse_model(text: str) -> tuple[str, dict[str, Any]]:
    """``vgg_a:norm=batch,width=0.25`` -> name and options."""
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, _, value = part.partition("=")
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return name, options


@lru_cache(maxsize=1)
def pixels(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise: throughput does not depend on what is in the images."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, 32, 32, 3), np.uint8), rng.integers(0, 10, n).astype(np.int32)


def make_plan(name: str, options: dict, batch: int, members: int, dtype: str) -> Any:
    """The plan that `train` would make of the same study."""
    from jaxcifar.config import Config, Study, population, replace, sweep
    from jaxcifar.core import hardware
    from jaxcifar.planning import plan

    overrides = {f"model.{key}": value for key, value in options.items()}
    base = replace(Config(), {
        "model.name": name, "train.batch_size": batch, "dtype": dtype, "data.normalisation": "half",
        **overrides,
    })  # fmt: skip
    rates = [1e-3 * (m + 1) / members for m in range(members)]
    study = Study("bench", base, sweep({"optim.lr": rates}))
    rows = population.expand(study, lambda config: "bench")
    return plan.make_plan(rows, N_IMAGES, hardware.hardware())


def ours(
    name: str, options: dict, batch: int, members: int, lane: str, dtype: str, lowering: str = ""
) -> Contender:
    """The population's segment, with its state carried from call to call as in a run.

    `lane` and `lowering` stand in for those that a run would take.
    """
    import jax

    from jaxcifar import programs
    from jaxcifar.core.types import Images
    from jaxcifar.training import engine

    made = make_plan(name, options, batch, members, dtype)
    phase = made.phases[0]
    program = phase.program._replace(
        lane=lane or phase.program.lane, lowering=lowering or phase.program.lowering
    )
    phase = phase._replace(program=program)
    held = {"state": engine.start(made._replace(phases=(phase,))).state}
    data = programs.replicate(Images(*pixels(N_IMAGES)), program)
    numbers = programs.place(phase.numbers, program)
    stream = programs.stream_of(phase, 0)
    rates = programs.place(np.full((members, program.segment), 1e-4, np.float32), program)
    segment = programs.make_segment(program)

    def take(n: int) -> float:
        began, left = time.perf_counter(), n
        while left:
            count = min(left, program.segment)
            span = programs.replicate(programs.span(0, count, 0), program)
            held["state"], records = segment(held["state"], numbers, rates, stream, data, span)
            left -= count
        jax.block_until_ready(records)
        return time.perf_counter() - began

    first = take(1)
    among = "member" if members == 1 else f"members {program.lane}"
    label = f"jaxcifar {members} {among} {lowering}".strip()
    say(f"  {label}: first step {first:.1f} s (compilation included)")
    chosen = program.lane == made.phases[0].program.lane
    what = {"members": members, "lane": program.lane, "chosen": chosen}
    what |= {"lowering": lowering} if lowering else {}
    return Contender(label, take, batch * members, first, what, made)


def compare(
    contenders: list[Contender], rounds: int, seconds: float, pick: Any = statistics.median
) -> dict[str, float]:
    """Median images/s of each, timed in turn; a pause lets the other's threads go to sleep.

    A turn lasts about `seconds`, as long as a segment of a run: what a call costs is then shared
    by as many steps as there.
    """
    steps = {item.label: max(1, round(seconds / item.take(1))) for item in contenders}
    rates: dict[str, list[float]] = {item.label: [] for item in contenders}
    for _ in range(rounds):
        for item in contenders:
            time.sleep(0.5)
            n = steps[item.label]
            rates[item.label].append(n * item.images / item.take(n))
    return {label: pick(values) for label, values in rates.items()}


def say(text: str) -> None:
    """Print at once, so that a long bench can be followed."""
    print(text, flush=True)
