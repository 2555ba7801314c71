"""Groups that a device has the memory for: one that would not fit is split by itself."""

from collections.abc import Callable
from typing import NamedTuple

from jaxcifar import memory
from jaxcifar.job import Job, split_rows
from jaxcifar.memory import Memory
from jaxcifar.plan import Hardware
from jaxcifar.population import MemberRun

GIB = 2**30
ROOM = 0.85  # of a device's memory that a group may be estimated to need: estimates err by 15 %


class Held(NamedTuple):
    """Images of a group."""

    device: int  # on a device while it trains
    scored: int  # at an evaluation


def images_of(job: Job) -> Held:
    """How many images a device holds, and how many an evaluation scores."""
    config = job.members[0].config
    train, validation = (len(rows) for rows in split_rows(job.data, config.data))
    others = {"train": 0, "validation": validation, "test": len(job.data.test_labels)}
    split = config.select_on.partition("_")[0]
    again = (split == "train") + config.eval.train
    return Held(train + others[split], others[split] + again * train)


def needed(job: Job, machine: Hardware) -> Memory:
    """The memory that a group is estimated to need on each device."""
    return memory.estimate(job.plan, images_of(job).device, machine.backend)


def fitting(
    job: Job, make: Callable[[tuple[MemberRun, ...]], Job], machine: Hardware, limit: int
) -> tuple[tuple[Job, ...], str]:
    """A group as it is, or in the fewest equal parts that fit; a member alone is never refused.

    Args:
        job: a group that was not begun.
        make: the group of some of its members.
        machine: what it will run on.
        limit: bytes of a device's memory.

    Returns: the groups, and what there is to say about it or "".
    """
    rows = job.members
    if len(rows) == 1 or (total := needed(job, machine).total) <= ROOM * limit:
        return (job,), ""
    for size in _sizes(len(rows)):
        first = make(rows[:size])
        if size == 1 or needed(first, machine).total <= ROOM * limit:
            break
    parts = tuple(make(rows[start : start + size]) for start in range(0, len(rows), size))
    said = (
        f"{job.plan.id}: its {len(rows)} members would need about {total / GIB:.3g} of the "
        f"device's {limit / GIB:.3g} GiB: trained as {len(parts)} groups of up to {size}"
    )
    return parts, said


def _sizes(count: int) -> list[int]:
    """Members a part, for two parts, three and so on."""
    return list(dict.fromkeys(-(-count // parts) for parts in range(2, count + 1)))
