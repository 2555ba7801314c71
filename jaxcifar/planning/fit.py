"""Groups that a device has the memory for: one that would not fit is split by itself."""

from collections.abc import Callable
from functools import cache
from itertools import accumulate
from typing import NamedTuple

from jaxcifar.config.population import MemberRun
from jaxcifar.core.errors import UserError
from jaxcifar.core.hardware import Hardware
from jaxcifar.planning import memory
from jaxcifar.planning.group import Group, split_rows
from jaxcifar.planning.memory import Memory

GIB = 2**30
USABLE = 0.85  # of a device's memory that a group may be estimated to need: estimates err by 15 %


class Held(NamedTuple):
    """Images of a group."""

    device: int  # on a device while it trains
    scored: int  # at an evaluation


def images_of(group: Group) -> Held:
    """How many images a device holds, and how many an evaluation scores."""
    config = group.members[0].config
    train, validation = (len(rows) for rows in split_rows(group.data, config.data))
    split = config.select_on.partition("_")[0]
    # Not even the number of test images is asked for where they do not select.
    others = len(group.data.test_labels) if split == "test" else validation * (split != "train")
    again = (split == "train") + config.eval.train
    return Held(train + others, others + again * train)


def needed(group: Group, machine: Hardware) -> Memory:
    """The memory that a group is estimated to need on each device."""
    return memory.estimate(group.plan, images_of(group).device, machine.backend)


def split_to_fit(
    group: Group, make: Callable[[tuple[MemberRun, ...]], Group], machine: Hardware, limit: int
) -> tuple[tuple[Group, ...], str]:
    """A group as it is, or in parts that fit, see `parts`.

    Args:
        group: one that was not begun.
        make: the group of some of its members.
        machine: what it will run on.
        limit: bytes of a device's memory.

    Returns: the groups, and what there is to say about it or "".
    Raises: UserError: a member alone does not fit, by more than estimates err.
    """
    rows = group.members

    @cache
    def total(size: int) -> int:
        return needed(group if size == len(rows) else make(rows[:size]), machine).total

    sizes = parts(len(rows), lambda size: total(size) <= USABLE * limit)
    if sizes[0] == 1 and USABLE * total(1) > limit:
        raise UserError(
            f"{group.plan.id}: a member alone would need about {total(1) / GIB:.3g} GiB of memory, "
            f"and there are {limit / GIB:.3g}\n"
            "lower --config.train.batch_size, the network's width, or --config.data.n_train"
        )
    if len(sizes) == 1:
        return (group,), ""
    said = (
        f"{group.plan.id}: its {len(rows)} members would need about {total(len(rows)) / GIB:.3g} "
        f"of the device's {limit / GIB:.3g} GiB: trained as {len(sizes)} groups of up to {sizes[0]}"
    )
    ends = accumulate(sizes)
    return tuple(make(rows[end - size : end]) for size, end in zip(sizes, ends, strict=True)), said


def parts(count: int, fits: Callable[[int], bool]) -> list[int]:
    """Sizes of the parts of a group: the largest that fits, and again of those who are left.

    So a run that continues with some of its parts begun plans the others as before, which equal
    parts would not be. Sizes are tried from above: on several devices, or where more members are
    trained one after another, fewer may need more.
    """
    sizes = []
    while count:
        sizes.append(next((size for size in range(count, 1, -1) if fits(size)), 1))
        count -= sizes[-1]
    return sizes
