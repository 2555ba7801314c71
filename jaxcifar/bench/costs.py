"""What training costs grow with: members, width, images, devices; saves, memory, single layers.

    python scripts/bench_costs.py --write                # all of it, and docs/performance.md
    python scripts/bench_costs.py --only members width   # print some of it
    python scripts/bench_costs.py --only landscape --write   # surfaces, eigenvalues, probes

Rates are medians over rounds in which all rows of a table take turns. Memory stands beside what
XLA says of the compiled program. Host devices share the cores of the one that they are made of.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from jaxcifar.bench import landscapes, performance_page, throughput

WIDE = "vgg_a:norm=batch,width="
NETWORKS = ("cnn:", f"{WIDE}0.25")
ACCOUNTED = (
    *(f"{WIDE}{width}" for width in (0.125, 0.25, 0.5, 1.0)), "cnn:", "fcnn:", "vgg_a_light:",
    "conv_encoder:", "rn4:", "rn16:", "cifar_resnet20:", "canet_tiny:", "convnet_r4:",
    "mobilenet_v2:", "resnet_r0:", "resnet18:",
)  # fmt: skip
Row = dict[str, Any]


def arguments(made: Any, n: int) -> tuple[Any, ...]:
    """What a plan's segment over `n` images takes, or shapes that stand for it.

    The state, the numbers and the rates have a member axis, the three others none.
    """
    import jax

    from jaxcifar import programs
    from jaxcifar.core.types import Images, Stream

    phase = made.phases[0]
    program, numbers = phase.program, phase.numbers
    own = jax.tree.map(lambda leaf: leaf[0], (numbers.augment_seed, numbers.augment))
    order: Any = jax.ShapeDtypeStruct((n,), np.int32)
    images: Any = jax.ShapeDtypeStruct((n, 32, 32, 3), np.uint8)
    rates = np.zeros((program.members, program.segment), np.float32)
    state = programs.blank_state(phase, phase)
    return state, numbers, rates, Stream(order, *own), Images(images, order), programs.span(0, 1, 0)


def account(made: Any, n: int) -> int:
    """Bytes of arguments and temporaries of a plan's compiled segment over `n` images, by XLA."""
    from jaxcifar import programs

    segment: Any = programs.make_segment(made.phases[0].program)
    found = segment.lower(*arguments(made, n)).compile().memory_analysis()
    return int(found.argument_size_in_bytes + found.temp_size_in_bytes)


def memory_of(made: Any, n: int) -> Row:
    """The planner's estimate of a segment beside XLA's own account."""
    from jaxcifar.core import hardware
    from jaxcifar.planning import memory

    found = memory.estimate(made, n, hardware.hardware().backend)
    return {"estimate_bytes": found.segment, "xla_bytes": account(made, n)}


def timed(cases: Sequence[tuple[str, int]], args: argparse.Namespace) -> list[Row]:
    """Populations of networks, all in turn: total images/s, the lane, memory."""
    from jaxcifar.planning import speed

    sides, rows = [], []
    for text, members in cases:
        name, options = throughput.parse_model(text)
        side = throughput.ours(name, options, throughput.BATCH, members, "", "float32")
        sides.append(side._replace(label=f"{text} {members}"))
        program = side.made.phases[0].program
        row = {"model": text, "members": members, "lane": program.lane, "macs": speed.macs(program)}
        here = program.devices == 1
        rows.append(
            row | {"devices": program.devices} | (memory_of(side.made, 1024) if here else {})
        )
    rates = throughput.compare(sides, args.rounds, args.seconds)
    return [row | {"images_per_second": rates[side.label]}
            for row, side in zip(rows, sides, strict=True)]  # fmt: skip


def by_members(args: argparse.Namespace) -> Iterator[Row]:
    """Populations of one to eight members."""
    for text in NETWORKS:
        yield from timed([(text, count) for count in (1, 2, 4, 8)], args)


def by_width(args: argparse.Namespace) -> Iterator[Row]:
    """VGG-A with BatchNorm from an eighth of its channels to all."""
    yield from timed([(f"{WIDE}{width}", 1) for width in (0.125, 0.25, 0.5, 1.0)], args)


def by_images(args: argparse.Namespace) -> Iterator[Row]:
    """Seconds of an epoch over training sets of different size."""
    name, options = throughput.parse_model(NETWORKS[0])
    side = throughput.ours(name, options, throughput.BATCH, 1, "", "float32")
    sizes = [throughput.BATCH * steps for steps in (4, 8, 16, 32)]
    taken: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(args.rounds):
        for size in sizes:
            taken[size].append(side.take(size // throughput.BATCH))
    for size in sizes:
        yield {"model": NETWORKS[0], "images": size, "seconds": statistics.median(taken[size])}


def by_devices(args: argparse.Namespace) -> Iterator[Row]:
    """Four members on one host device and spread over two, each in a process of its own."""
    for count in (1, 2):
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={count}"
        command = [sys.executable, "-m", "jaxcifar.bench.costs", "--only", "four", "--json",
                   "--rounds", str(args.rounds), "--seconds", str(args.seconds)]  # fmt: skip
        done = subprocess.run(
            command, env=os.environ | {"XLA_FLAGS": flags}, check=True, stdout=subprocess.PIPE
        )
        yield from json.loads(done.stdout.splitlines()[-1])


def four(args: argparse.Namespace) -> Iterator[Row]:
    """What `by_devices` asks of each process."""
    yield from timed([(text, 4) for text in NETWORKS], args)


def saves(args: argparse.Namespace) -> Iterator[Row]:
    """A whole snapshot of eight VGG-A with BatchNorm, and its share of an epoch of CIFAR-10."""
    from jaxcifar.checkpoints import snapshots
    from jaxcifar.checkpoints.writer import Saver
    from jaxcifar.training import engine

    name, options = throughput.parse_model(f"{WIDE}1.0")
    snapshot = engine.start(throughput.make_plan(name, options, throughput.BATCH, 8, "float32"))
    waited, seconds = [], []

    def save_at(path: Path) -> Any:
        return partial(snapshots.save, path)

    with tempfile.TemporaryDirectory() as folder, Saver() as saver:
        for number in range(args.rounds + 1):  # the first compiles
            began = time.perf_counter()
            saver.take(snapshot, save_at(Path(folder) / str(number)))
            waited.append(time.perf_counter() - began)
            saver.wait()
            seconds.append(time.perf_counter() - began)
        path = Path(folder) / "0"
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    (row,) = timed([(f"{WIDE}1.0", 1)], args)
    epoch = 8 * 50_000 / row["images_per_second"]
    taken = statistics.median(seconds[1:])
    yield {"model": row["model"], "members": 8, "waits": statistics.median(waited[1:]),
           "seconds": taken, "bytes": size, "share": taken / (taken + epoch)}  # fmt: skip


def by_layers(args: argparse.Namespace) -> Iterator[Row]:
    """Single convolutions beside PyTorch's."""
    from jaxcifar.bench import layers

    yield from layers.rows(args)


def by_products(args: argparse.Namespace) -> Iterator[Row]:
    """Single matrix products beside PyTorch's."""
    from jaxcifar.bench import products

    yield from products.rows(args)


def by_memory(args: argparse.Namespace) -> Iterator[Row]:
    """Planned memory beside XLA's account of the compiled segment, of one member each."""
    for text in ACCOUNTED:
        made = throughput.make_plan(*throughput.parse_model(text), throughput.BATCH, 1, "float32")
        yield {"model": text, **memory_of(made, 1024)}


def by_start(args: argparse.Namespace) -> Iterator[Row]:
    """What comes before the second step."""
    from jaxcifar.bench import start

    yield from start.rows(args)


def by_rates(args: argparse.Namespace) -> Iterator[Row]:
    """The landscape's one-pass step beside single ones."""
    from jaxcifar.bench import sweep

    yield from sweep.rows(args)


TABLES = {"members": by_members, "width": by_width, "images": by_images, "devices": by_devices,
          "saves": saves, "layers": by_layers, "products": by_products, "memory": by_memory,
          "start": by_start, "rates": by_rates, "landscape": landscapes.rows}  # fmt: skip
INNER = {"four": four, "looks": landscapes.looks}
"""What tables ask of processes of their own."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--only", nargs="+", default=list(TABLES), choices=[*TABLES, *INNER])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a turn, about")
    parser.add_argument("--write", action="store_true", help="add the rows to docs/performance.md")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON at the end")
    landscapes.add_flags(parser)
    args = parser.parse_args(argv)
    from jaxcifar.core import setup

    setup.prepare()
    command = shlex.join(["python", "scripts/bench_costs.py", *argv])
    rows = []
    for name in args.only:
        for row in (TABLES | INNER)[name](args):
            rows.append(performance_page.stamped(row | {"table": name}, command))
            throughput.say(f"  {name}: {row}")
        if args.write:
            performance_page.add_costs(rows)
    if args.json:
        throughput.say(json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
