"""The one-pass step at several learning rates beside as many single ones, in both lanes."""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxcifar.bench import throughput

RATES = (1, 4)
STEPS = (1, 8)  # taken by one call
NETWORK = "vgg_a:norm=batch,width=0.25"


def rows(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Medians over rounds in which all of them take turns."""
    cases = [(lane, count, steps) for lane in ("vmap", "map") for count in RATES for steps in STEPS]
    takes = {case: _taker(*case) for case in cases}
    taken: dict[tuple[str, int, int], list[float]] = {case: [] for case in cases}
    for _ in range(args.rounds):
        for case, take in takes.items():
            taken[case].append(_seconds(take, args.seconds))
    for (lane, count, steps), found in taken.items():
        yield {"model": NETWORK, "lane": lane, "rates": count, "steps": steps,
               "seconds": statistics.median(found)}  # fmt: skip


def _taker(lane: str, count: int, steps: int) -> Callable[[], int]:
    """A call that takes its steps, and says how many."""
    from jaxcifar import landscape
    from jaxcifar.core.types import Images

    name, options = throughput.parse_model(NETWORK)
    program = landscape.sweep_program(name, count, lane=lane, **options)
    images, labels = throughput.pixels(steps * throughput.BATCH)
    batches = Images(images.reshape(steps, -1, 32, 32, 3), labels.reshape(steps, -1))
    rates: Any = np.geomspace(1e-4, 1e-3, count)
    held: dict[str, Any] = {"states": landscape.init_states(program), "at": 0}

    def take() -> int:
        held["states"], losses, _ = landscape.sweep_steps(
            held["states"], batches, rates, program=program, step=held["at"]
        )
        losses.block_until_ready()
        held["at"] += steps
        return steps

    take()  # compiles
    return take


def _seconds(take: Callable[[], int], at_least: float) -> float:
    """Seconds a step, over calls that take so long together."""
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < at_least:
        steps += take()
    return (time.perf_counter() - began) / steps
