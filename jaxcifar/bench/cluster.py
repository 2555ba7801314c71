"""What a population of any size would cost on a cluster, from constants that were measured.

    python scripts/cluster_costs.py --members 100000 --network cnn: --hosts 8 --devices 8 \
        --memory 141 --rate 60000

Nothing is trained or compiled. Rates, compile times and the speed of saving come from
docs/costs.json, memory from the planner's estimate; a device that was never measured needs --rate.
"""

import argparse
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from jaxcifar.bench import throughput
from jaxcifar.core.errors import UserError
from jaxcifar.core.files import CHECKOUT

GIB = 2**30
MEASURED = CHECKOUT / "docs" / "costs.json"
USED = 0.85  # of a device's memory, as the planner plans
HELD = 3  # copies of a group's state on each host: gathered, kept for the writer, as it is written
RECORDED = 4 * 4  # bytes a member and step: rate up; loss, correct answers and fingerprint down


class Cluster(NamedTuple):
    """Hosts, each with `devices` of `memory` bytes that train at `rate` images a second."""

    hosts: int
    devices: int
    memory: float
    host_memory: float
    rate: float
    link: float  # bytes a second into one host
    writing: float  # bytes a second, sealed checkpoints
    compiling: float  # seconds a group: its programs, once


class Work(NamedTuple):
    """A population: of one member, its bytes; of all, steps of `batch` images, and saves."""

    members: int
    fixed: float  # bytes on a device however many train there
    each: float  # bytes a member takes on its device
    state: float  # bytes a member has in a checkpoint
    steps: int
    batch: int
    saves: int


class Cost(NamedTuple):
    """What it comes to; seconds are for all groups one after another on the whole cluster."""

    groups: int
    members: int  # of the largest group
    device: float  # bytes in use
    compiling: float
    training: float
    gathering: float  # states to every host, and records
    writing: float  # beside training, by the first host
    checkpoint: float  # bytes of a group's
    disk: float  # bytes in all, two checkpoints a group

    @property
    def seconds(self) -> float:
        """Writing goes on beside training, as long as it is the shorter of the two."""
        return self.compiling + self.gathering + max(self.training, self.writing)


def cost(work: Work, on: Cluster) -> Cost:
    """Members over all devices, in groups that devices and hosts have the memory for.

    Raises: UserError: not even one member fits.
    """
    by_device = int((USED * on.memory - work.fixed) // work.each)
    by_host = int(on.host_memory // (HELD * work.state))
    count = on.hosts * on.devices
    most = min(by_device * count, by_host)
    if by_device < 1 or most < 1:
        raise UserError("not one member fits\ngive more --memory or --host-memory")
    groups = math.ceil(work.members / most)
    largest = math.ceil(work.members / groups)
    here = math.ceil(largest / count)
    state = largest * work.state
    told = RECORDED * largest * work.steps + work.saves * state
    return Cost(
        groups=groups, members=largest, device=work.fixed + here * work.each,
        compiling=groups * on.compiling,
        training=groups * here * work.steps * work.batch / on.rate,
        gathering=groups * (told / on.link if on.hosts > 1 else 0.0),
        writing=groups * work.saves * state / on.writing,
        checkpoint=state, disk=2 * groups * state,
    )  # fmt: skip


def of_network(text: str, members: int, batch: int, images: int, epochs: int, saves: int) -> Work:
    """A network's work: its bytes from the planner, for a GPU, whose members lie side by side."""
    from jaxcifar.planning import memory

    name, options = throughput.parse_model(text)
    found = []
    for count in (1, 2):
        made = throughput.make_plan(name, options, batch, count, "float32")
        phases = (p._replace(program=p.program._replace(lane="vmap", lowering="library"))
                  for p in made.phases)  # fmt: skip
        found.append(memory.estimate(made._replace(phases=tuple(phases)), images, "gpu"))
    one, two = found
    each = two.total - one.total
    return Work(
        members, one.total - each, each, one.saved, epochs * math.ceil(images / batch), batch, saves
    )


def measured(rows: Iterable[Mapping[str, Any]], network: str) -> dict[str, float]:
    """What was measured of a network, or of any where it was not: seconds, bytes and images/s."""
    kept = [row for row in rows if row["table"] in ("programs", "saves", "members")]
    name = network.partition(":")[0]
    compiles = [row for row in kept if row["table"] == "programs" and row["members"] == 1]
    own = [row for row in compiles if row["model"].partition(":")[0] == name]
    saved = next(row for row in kept if row["table"] == "saves")
    alone = [row for row in kept if row["table"] == "members" and row["members"] == 1]
    rates = [row["images_per_second"] for row in alone if row["model"] == network]
    return {
        # to train, the short batch, to score, and the test set: as `--dry-run` counts
        "compiling": 4 * max(row["seconds"] for row in own or compiles),
        "writing": saved["bytes"] / saved["seconds"],
        **({"cpu rate": rates[0]} if rates else {}),
    }


def described(found: Cost) -> str:
    """A cost in words."""
    hours = found.seconds / 3600
    return "\n".join([
        f"groups      {found.groups:,} of up to {found.members:,} members, each its own array task",
        f"device      {found.device / GIB:.3g} GiB in use",
        f"compiling   {found.compiling:,.0f} s",
        f"training    {found.training / 3600:,.3g} h on all devices",
        f"hosts       {found.gathering / 3600:,.3g} h of states and records gathered by every host",
        f"saving      {found.writing / 3600:,.3g} h, beside training",
        f"checkpoint  {found.checkpoint / GIB:,.3g} GiB a group, "
        f"{found.disk / GIB:,.4g} GiB in all",
        f"in all      {hours:,.3g} h",
    ])  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    args = _parser().parse_args(argv)
    constants = measured(json.loads(MEASURED.read_text()), args.network)
    rate = args.rate or constants.get("cpu rate")
    if rate is None:
        raise UserError(f"{args.network!r} was never measured\ngive --rate, images/s of a device")
    work = of_network(
        args.network, args.members, args.batch, args.images, args.epochs, args.epochs // args.save
    )
    on = Cluster(
        args.hosts, args.devices, args.memory * GIB, args.host_memory * GIB, rate,
        args.link * 1e9, constants["writing"], constants["compiling"],
    )  # fmt: skip
    throughput.say(described(cost(work, on)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--network", default="vgg_a:norm=batch,width=0.25")
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--devices", type=int, default=8, help="of each host")
    parser.add_argument("--memory", type=float, default=141, help="GiB of a device")
    parser.add_argument("--host-memory", type=float, default=1024, help="GiB of a host")
    parser.add_argument("--rate", type=float, help="images/s of one device; default: 2 CPU cores'")
    parser.add_argument("--link", type=float, default=25, help="GB/s into a host")
    parser.add_argument("--images", type=int, default=45_000, help="of an epoch")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--save", type=int, default=10, help="epochs between saves")
    return parser
