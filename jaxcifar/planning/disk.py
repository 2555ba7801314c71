"""Room on the disk for what a run will save, looked at before its first step."""

from collections.abc import Sequence
from pathlib import Path

from jaxcifar import programs
from jaxcifar.core import files
from jaxcifar.core.errors import UserError
from jaxcifar.core.types import Plan
from jaxcifar.planning.backward_memory import size
from jaxcifar.planning.group import Group

NEWEST = 3  # checkpoints of a group at a time: two that stay, and the next while it is written


def require_room(workdir: Path, groups: Sequence[Group]) -> None:
    """Make sure that a disk has room for the checkpoints of groups that are still to train.

    Raises: UserError: it has not.
    """
    need = sum(needed(group.plan) for group in groups if not group.finished)
    free = files.free(workdir)
    if need > free:
        raise UserError(
            f"{workdir}: {free:,} bytes of the disk are free, checkpoints need about {need:,}\n"
            "make room, give another --workdir, or keep fewer (--config.checkpoint.keep_every)"
        )


def needed(plan: Plan) -> int:
    """Bytes of a group's checkpoints, by their arrays: the newest ones, and those that are kept."""
    trees = [programs.blank(plan, index) for index in range(len(plan.phases))]
    kept = len(plan.events.keep) * max(size(best) for _, best in trees)
    return NEWEST * max(map(size, trees)) + kept
