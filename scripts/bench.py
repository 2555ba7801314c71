"""Training throughput: the executable that `train` builds, against PyTorch where it is installed.

    python scripts/bench.py                 # VGG-A-BN and the others, 1 and 4 members
    python scripts/bench.py --models all --batch 32 --members --eager
    python scripts/bench.py --write                    # and docs/performance.md with what was found
    python scripts/bench.py --models vgg_a:norm=batch,width=0.25 --rounds 5
    python scripts/bench.py --augment                  # what each augmentation costs
    python scripts/bench.py --tune lowerings           # regenerate a committed table
    python scripts/bench.py --tune lanes --members 2 4 8
    python scripts/bench.py --tune rates --members 1 4  # what --dry-run estimates times from

Everything runs in one process in alternation: each round times every contender once, and the
table shows medians over rounds and ratios of medians. Nothing here is asserted by any test.
"""

import argparse
import json
import math
import resource
import shlex
import statistics
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import bench_page
import numpy as np

BATCH = 128
N_IMAGES = 50_000  # as CIFAR-10's: an epoch is a segment where a run's is
ROOT = Path(__file__).resolve().parents[1]
MODELS = ("vgg_a:norm=batch", "vgg_a:norm=none", "vgg_a:norm=batch,width=0.25", "cnn:")


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
    from jaxcifar import plan, population
    from jaxcifar.config import Config, Study, replace, sweep

    overrides = {f"model.{key}": value for key, value in options.items()}
    base = replace(Config(), {
        "model.name": name, "train.batch_size": batch, "dtype": dtype, "data.normalisation": "half",
        **overrides,
    })  # fmt: skip
    rates = [1e-3 * (m + 1) / members for m in range(members)]
    study = Study("bench", base, sweep({"optim.lr": rates}))
    rows = population.expand(study, lambda config: "bench")
    return plan.make_plan(rows, N_IMAGES, plan.hardware())


def ours(
    name: str, options: dict, batch: int, members: int, lane: str, dtype: str, lowering: str = ""
) -> Contender:
    """The population's segment, with its state carried from call to call as in a run.

    `lane` and `lowering` stand in for those that a run would take.
    """
    import jax

    from jaxcifar import engine, programs
    from jaxcifar.types import Images

    made = make_plan(name, options, batch, members, dtype)
    phase = made.phases[0]
    program = phase.program._replace(
        lane=lane or phase.program.lane, lowering=lowering or phase.program.lowering
    )
    phase = phase._replace(program=program)
    held = {"state": engine.start(made._replace(phases=(phase,))).state}
    data = programs.replicate(Images(*pixels(N_IMAGES)), program)
    numbers = programs.place(phase.numbers, program)
    stream = engine.stream_of(phase, 0)
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


def torch_side(name: str, options: dict, args: argparse.Namespace) -> Contender | None:
    """PyTorch at its best on the same device; None where it is not installed."""
    from jaxcifar import plan

    try:
        import torch_baseline
    except ImportError:
        say("  PyTorch is not installed: no ratio to it (pip install torch==2.13.0)")
        return None
    data, machine = pixels(N_IMAGES), plan.hardware()
    device = {"gpu": "cuda"}.get(machine.backend, machine.backend)
    where = torch_baseline.Where(device, machine.cores, args.dtype)
    best, take, failed = torch_baseline.best_step(
        not args.eager, (name, options), *data, args.batch, where
    )
    for variant, why in failed.items():
        say(f"  PyTorch {variant} did not run: {why}")
    return Contender(f"PyTorch {best}", take, args.batch, math.nan, {"variant": best})


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


def bench(text: str, args: argparse.Namespace) -> dict[str, Any]:
    """One network: one member, populations in both lanes, and PyTorch; its row for the page."""
    name, options = parse_model(text)
    say(f"{text}  batch {args.batch} {args.dtype}")
    sides = [ours(name, options, args.batch, 1, "", args.dtype)]
    for members in args.members:
        sides += [ours(name, options, args.batch, members, lane, args.dtype)
                  for lane in ("vmap", "map")]  # fmt: skip
        sides += [ours(name, options, args.batch, members, "vmap", args.dtype, lowering)
                  for lowering in args.lowerings]  # fmt: skip
    torch = torch_side(name, options, args)
    rates = compare(sides + ([torch] if torch else []), args.rounds, args.seconds)
    base = rates[torch.label] if torch else None
    for label, rate in rates.items():
        against = f"  {rate / base:5.2f} x PyTorch" if base else ""
        alone = rate / rates[sides[0].label]
        say(f"  {label:<32} {rate:9.1f} images/s{against}  {alone:5.2f} x one member")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    say(f"  peak memory of this process so far {peak:.2f} GiB")
    return as_row(text, args, sides, torch, rates)


def as_row(
    text: str, args: argparse.Namespace, sides: list[Contender], torch: Contender | None,
    rates: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    """What `bench_page` shows of a network; of populations also which lane a run would choose."""
    from jaxcifar import speed

    work = speed.STEP_COST * speed.macs(sides[0].made.phases[0].program)
    found = [side.what | {"images_per_second": rates[side.label]}
             for side in sides if "lowering" not in side.what]  # fmt: skip
    beside = torch and torch.what | {"images_per_second": rates[torch.label]}
    row = {
        "batch": args.batch, "dtype": args.dtype, "autotune": args.autotune, "graphs": args.graphs,
        "model": text, **found[0],
        "populations": found[1:], "torch": beside or None,
        "share": work * found[0]["images_per_second"] / speed.product_rate(args.dtype),
    }  # fmt: skip
    return bench_page.stamped(row, shlex.join(["python", "scripts/bench.py", *sys.argv[1:]]))


def line(row: dict[str, Any]) -> str:
    """A network's line in the summary."""
    mine, torch = row["images_per_second"], row["torch"]
    other = f"{torch['images_per_second']:9.1f}{bench_page.ratio(row):8.2f}" if torch else ""
    return f"{row['model']:<32}{mine:9.1f}{other}"


def say(text: str) -> None:
    """Print at once, so that a long bench can be followed."""
    print(text, flush=True)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(MODELS), metavar="NAME:OPTION=V,...")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--members", type=int, nargs="*", default=[4], help="sizes of populations")
    parser.add_argument("--lowerings", nargs="*", default=[], metavar="NAME",
                        help="also time populations with these convolutions")  # fmt: skip
    parser.add_argument("--eager", action="store_true", help="do not try torch.compile")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a turn, about")
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--autotune", action="store_true",
                        help="on a GPU, let XLA time its kernels, as PyTorch does")  # fmt: skip
    parser.add_argument("--graphs", action="store_true",
                        help="on a GPU, a whole segment as one CUDA graph")  # fmt: skip
    parser.add_argument(
        "--tune", choices=("lowerings", "lanes", "rates"), help="regenerate a table"
    )
    parser.add_argument("--write", action="store_true", help="add the rows to docs/performance.md")
    parser.add_argument("--augment", action="store_true", help="cost of every augmentation")
    args = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    from jaxcifar import record, runtime

    if args.graphs:
        runtime.ask_xla(bench_page.GRAPHS)
    runtime.prepare(deterministic=not args.autotune)
    environment = record.environment({}, "")
    say(f"jaxcifar {environment['commit']}, {environment['versions']}")
    if args.tune == "lowerings":
        import tune_lowering

        tune_lowering.main([])
    elif args.tune:
        import tune_tables

        tune_tables.TABLES[args.tune](args.models, args)
    if args.augment:
        import bench_augment

        def step(name: str, batch: int) -> Any:
            return ours(name, {}, batch, 1, "", args.dtype).take

        bench_augment.main(pixels, step, say, args.batch, args.rounds)
    if args.tune or args.augment:
        return 0
    if args.models == ["all"]:
        from jaxcifar import models

        args.models = list(models.MODELS)
    rows = []
    for text in args.models:
        runtime.make_room()
        rows.append(bench(text, args))
        if args.write:
            bench_page.add(rows[-1:])
    head = f"\n{'images/s':<32}{'jaxcifar':>9}{'PyTorch':>9}{'ratio':>8}"
    say("\n".join([head, *map(line, rows)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
