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
import math
import resource
import shlex
import sys
from functools import partial
from typing import Any

from jaxcifar.bench import performance_page
from jaxcifar.bench.throughput import (
    BATCH,
    N_IMAGES,
    Contender,
    compare,
    ours,
    parse_model,
    pixels,
    say,
)

MODELS = ("vgg_a:norm=batch", "vgg_a:norm=none", "vgg_a:norm=batch,width=0.25", "cnn:")


def torch_side(name: str, options: dict, args: argparse.Namespace) -> Contender | None:
    """PyTorch at its best on the same device; None where it is not installed."""
    from jaxcifar.core import hardware

    try:
        from jaxcifar.bench import torch_step
    except ImportError:
        say("  PyTorch is not installed: no ratio to it (pip install torch==2.13.0)")
        return None
    data, machine = pixels(N_IMAGES), hardware.hardware()
    device = {"gpu": "cuda"}.get(machine.backend, machine.backend)
    where = torch_step.Where(device, machine.cores, args.dtype)
    make = partial(torch_step.make_step, (name, options), *data, args.batch, where)
    best, take, failed = torch_step.best_step(not args.eager, make)
    for variant, why in failed.items():
        say(f"  PyTorch {variant} did not run: {why}")
    return Contender(f"PyTorch {best}", take, args.batch, math.nan, {"variant": best})


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
    from jaxcifar.planning import speed

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
    return performance_page.stamped(row, shlex.join(["python", "scripts/bench.py", *sys.argv[1:]]))


def line(row: dict[str, Any]) -> str:
    """A network's line in the summary."""
    mine, torch = row["images_per_second"], row["torch"]
    other = f"{torch['images_per_second']:9.1f}{performance_page.ratio(row):8.2f}" if torch else ""
    return f"{row['model']:<32}{mine:9.1f}{other}"


def parse() -> argparse.Namespace:
    """The command line."""
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
    return parser.parse_args()


def main() -> int:
    """Run the command."""
    args = parse()
    from jaxcifar.core import host_memory, setup
    from jaxcifar.records import provenance

    if args.graphs:
        setup.ask_xla(performance_page.GRAPHS)
    setup.prepare(deterministic=not args.autotune)
    environment = provenance.environment({}, "")
    say(f"jaxcifar {environment['commit']}, {environment['versions']}")
    if args.tune == "lowerings":
        from jaxcifar.bench import tune_lowerings

        tune_lowerings.main([])
    elif args.tune:
        from jaxcifar.bench import tune_tables

        tune_tables.TABLES[args.tune](args.models, args)
    if args.augment:
        from jaxcifar.bench import augment

        def step(name: str, batch: int) -> Any:
            return ours(name, {}, batch, 1, "", args.dtype).take

        augment.main(pixels, step, say, args.batch, args.rounds)
    if args.tune or args.augment:
        return 0
    if args.models == ["all"]:
        from jaxcifar import models

        args.models = list(models.MODELS)
    rows = []
    for text in args.models:
        host_memory.make_room()
        rows.append(bench(text, args))
        if args.write:
            performance_page.add(rows[-1:])
    head = f"\n{'images/s':<32}{'jaxcifar':>9}{'PyTorch':>9}{'ratio':>8}"
    say("\n".join([head, *map(line, rows)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
