"""How a population lies on several devices."""

from dataclasses import dataclass
from typing import Literal

from jaxcifar.config.fields import check_types, require
from jaxcifar.core.errors import UserError


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicesConfig:
    """A mesh of member x data devices: members side by side, each of their batches split.

    Random draws do not depend on it. BatchNorm over a split batch is `synchronised`, as on one
    device, unless asked for `per_shard`: every part by its own statistics, running averages by the
    mean of them; that is another training.
    """

    member: int | None = None  # devices that share the members; None = all that are of use
    data: int = 1  # parts that a batch is split into, each on a device
    batch_norm: Literal["synchronised", "per_shard"] | None = None  # None = synchronised

    def __post_init__(self) -> None:
        check_types(self, "devices.")
        for name in ("member", "data"):
            value = getattr(self, name)
            require(value is None or value >= 1, f"devices.{name}", value, "at least 1")
        if self.batch_norm is not None and self.data == 1:
            raise UserError(
                f"devices.batch_norm={self.batch_norm!r} has no effect: no batch is split\n"
                "give --config.devices.data=2 or more, or leave it out"
            )

    @property
    def per_shard(self) -> bool:
        """Whether it decides a member's numbers, and not only how they are computed."""
        return self.batch_norm == "per_shard"
