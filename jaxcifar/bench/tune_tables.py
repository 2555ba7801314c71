"""The committed tables of lanes and of rates, timed on this machine: `bench.py --tune`."""

import argparse
import json
from typing import Any

from jaxcifar.bench import throughput
from jaxcifar.core.files import CHECKOUT


def lanes_table(models: list[str], args: argparse.Namespace) -> None:
    """Time both lanes at each member count and write the table that runs read."""
    from jaxcifar.core import hardware
    from jaxcifar.planning import lanes

    machine, table = hardware.hardware(), lanes.table()
    rows = table.setdefault(machine.backend, {}).setdefault(machine.device_kind, {})
    for text in models:
        name, options = throughput.parse_model(text)
        for members in args.members:
            sides = [throughput.ours(name, options, args.batch, members, lane, args.dtype)
                     for lane in ("vmap", "map")]  # fmt: skip
            rates = throughput.compare(sides, args.rounds, args.seconds)
            vmap, mapped = (rates[side.label] for side in sides)
            program = sides[0].made.phases[0].program
            lane = "vmap" if vmap >= mapped else "map"
            rows.setdefault(lanes.case(program), {})[str(members)] = lane
            throughput.say(
                f"  {text} {members} members: vmap {vmap:.1f}, map {mapped:.1f} images/s -> {lane}"
            )
            write_table("lanes.json", table)


def rates_table(models: list[str], args: argparse.Namespace) -> None:
    """Time training steps and write the table that estimates of times read.

    The fastest round counts: the others shared the machine with something else.
    """
    from jaxcifar.core import hardware
    from jaxcifar.planning import lanes, speed

    machine = hardware.hardware()
    table: Any = speed.table()
    rows = table.setdefault(machine.backend, {}).setdefault(speed.device_of(machine), {})
    for text in models:
        name, options = throughput.parse_model(text)
        for members in args.members:
            side = throughput.ours(name, options, args.batch, members, "", args.dtype)
            (images,) = throughput.compare([side], args.rounds, args.seconds, pick=max).values()
            program = side.made.phases[0].program
            rate = speed.STEP_COST * speed.macs(program) * images / program.devices
            rows.setdefault(lanes.case(program), {})[str(members)] = float(f"{rate:.3g}")
            share = rate / speed.product_rate(args.dtype)
            throughput.say(
                f"  {text} {members} members: {images:.1f} images/s, {rate / 1e9:.1f} G/s, "
                f"{share:.2f} of a matrix product's"
            )
            write_table("rates.json", table)


def write_table(name: str, table: dict) -> None:
    """Replace a committed table."""
    path = CHECKOUT / "jaxcifar" / "planning" / name
    path.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")


TABLES = {"lanes": lanes_table, "rates": rates_table}
