"""How long a group will take, for people: from the committed table of measured rates.

Nothing in a run depends on these numbers. A rate counts multiply-accumulates a second that training
reaches with everything it does: a step costs three times its forward pass, once for the images and
once each for the gradients of activations and weights (Kaplan et al. 2020, arXiv:2001.08361, 2.1).
"""

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxcifar import models
from jaxcifar.core.hardware import Hardware
from jaxcifar.core.types import Plan, Program
from jaxcifar.planning import lanes

STEP_COST = 3  # forward passes that a training step is worth
# Share of a large matrix product's rate that training is assumed to reach on a device that the
# table does not know. The conditioned CNN reached 0.83 of it on 2 CPU cores, where Winograd
# convolutions spare products; accelerators reach less of their peak with networks this small.
SHARE = 0.5
PRODUCT = {"cpu": (1536, 1)}  # rows of a square matrix, and products one after another
LARGE_PRODUCT = (8192, 20)  # of an accelerator

Rows = Mapping[str, Mapping[str, float]]  # case (see `lanes.case`) -> members -> rate


class Rate(NamedTuple):
    """Multiply-accumulates a second, all members together, and how far that can be trusted."""

    macs: float
    source: str


@lru_cache(maxsize=1)
def table() -> dict[str, dict[str, Rows]]:
    """backend -> device -> case -> members -> rate; from ``scripts/bench.py --tune rates``."""
    return json.loads(Path(__file__).with_name("rates.json").read_text())


def device_of(machine: Hardware) -> str:
    """The table's name for a device; a CPU is as fast as the cores that may be used."""
    cores = f" with {machine.cores} cores" if machine.backend == "cpu" else ""
    return machine.device_kind + cores


def rate_of(program: Program, machine: Hardware) -> Rate:
    """The rate of a program on its devices, each with its share of the members.

    Measured for the network with its options at the nearest smaller number of members, if the
    table has it; else the median of the same network's rates, of the device's, or a share of a
    matrix product that is timed now.
    """
    rows = table().get(machine.backend, {}).get(device_of(machine), {})
    exact, members = rows.get(lanes.case(program), {}), program.rows // program.devices
    smaller = [int(count) for count in exact if int(count) <= members]
    same = [rate for case, counts in rows.items() if case.split()[0] == program.model
            for rate in counts.values()]  # fmt: skip
    if smaller:
        rate = Rate(exact[str(max(smaller))], "measured on such a device")
    elif same:
        rate = Rate(statistics.median(same), "a guess: by this network's other settings")
    elif rows:
        others = [rate for counts in rows.values() for rate in counts.values()]
        rate = Rate(statistics.median(others), "a guess: by other networks")
    else:
        rate = Rate(SHARE * product_rate(), "a guess: such a device was never measured")
    return rate._replace(macs=rate.macs * program.devices * program.data)


@lru_cache
def product_rate(dtype: str = "float32") -> float:
    """Multiply-accumulates a second of large matrix products on this device; < 2 s to measure.

    Products follow one another inside one program, as those of a network do; the fastest call
    counts, as others may have shared their cores with something else.
    """
    size, chain = PRODUCT.get(jax.default_backend(), LARGE_PRODUCT)
    matrix = jnp.eye(size, dtype=dtype)
    product = jax.jit(lambda a, b: jax.lax.fori_loop(0, chain, lambda _, c: a @ c, b))
    product(matrix, matrix).block_until_ready()
    times = [time.perf_counter()]
    while times[-1] - times[0] < 0.5:
        product(matrix, matrix).block_until_ready()
        times.append(time.perf_counter())
    return chain * size**3 / min(after - before for before, after in pairwise(times))


def work(plan: Plan, scored: int, taken: int = 0) -> float:
    """Multiply-accumulates of what is left of a plan, for all members.

    Args:
        plan: of a group.
        scored: images that one evaluation scores.
        taken: steps that are done already.
    """
    program = plan.phases[0].program
    forward = macs(program)
    trained = float(plan.batch_sizes()[taken:].sum())
    gradients, passes = _looks(plan, taken)
    evaluations = sum(step > taken for step in plan.events.evaluate)
    passes += scored * evaluations
    return program.members * forward * (STEP_COST * (trained + gradients) + passes)


def _looks(plan: Plan, taken: int) -> tuple[float, float]:
    """Images whose gradients probes will take, and those that they pass forward only."""
    program = plan.phases[0].program

    def images(due: Sequence[int]) -> float:
        return float(plan.batch_sizes()[[step for step in due if step >= taken]].sum())

    gradients = images(plan.events.probe) * (len(plan.probe_sizes) + 1)
    if plan.events.shift:
        layers = models.layers(models.make_model(program.model, **dict(program.options)))
        gradients += images(plan.events.shift) * len(layers)
    return gradients, images(plan.events.activations)


def macs(program: Program) -> int:
    """Multiply-accumulates of one image's forward pass."""
    return models.macs(program.model, **dict(program.options))
