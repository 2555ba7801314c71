"""Which lowering carries which convolution: a committed table, and a rule where it is silent."""

import functools
import importlib.resources
import json
from typing import NamedTuple

from jaxcifar.core.errors import unknown
from jaxcifar.models.convolution.convolve import passes, supports
from jaxcifar.models.convolution.lowerings import LOWERINGS, Geometry

Table = dict[str, dict[str, str]]
"""Device ("backend/kind", as "cpu/cpu") -> case (see `Case.key`) -> lowering."""

IMAGE = 3
"""Channels of what needs no gradient."""

MIXED = "wider/wider/patches"
"""XLA's own convolution forward and back to the image, patches back to the kernel."""

LARGE = "wider/wider/rows"
"""The same for kernels larger than 5x5, whose windows of many columns overlap the more."""


class Case(NamedTuple):
    """One convolution as the table knows it; sizes in pixels and channels."""

    kernel: tuple[int, int]
    stride: int
    padding: int
    groups: int
    cin: int
    cout: int
    size: int
    members: int = 1

    @property
    def key(self) -> str:
        """The case's name in the table, for example ``3x3 s1 p1 g1 64>128 @16 m4``."""
        kh, kw = self.kernel
        shape = f"{kh}x{kw} s{self.stride} p{self.padding} g{self.groups}"
        return f"{shape} {self.cin}>{self.cout} @{self.size} m{self.members}"

    def fits(self, lowering: str) -> bool:
        """Whether `lowering` covers this case."""
        shape = (*self.kernel, self.cin // self.groups, self.cout)
        return supports(lowering, shape, Geometry(self.stride, self.padding, self.groups))


@functools.cache
def committed_table() -> Table:
    """The table beside this module, made by ``scripts/bench.py --tune lowerings``."""
    text = (
        importlib.resources.files("jaxcifar.models.convolution")
        .joinpath("lowering.json")
        .read_text()
    )
    return json.loads(text)["table"]


def choose(case: Case, device: str, table: Table) -> str:
    """The lowering of one case on one device; the same for ever for the same arguments.

    The table's row for the case wins; without one, its row for a single member; without that,
    `default_rule`.

    Args:
        case: the convolution.
        device: "backend/kind" of the device, as `device_key` gives it.
        table: the rows, usually `committed_table()`.
    """
    rows = table.get(device, {})
    for key in (case.key, case._replace(members=1).key):
        if key in rows:
            return rows[key]
    return default_rule(case, device.split("/")[0])


def default_rule(case: Case, backend: str) -> str:
    """The lowering of a case that nobody has timed.

    Off the CPU the library's. On the CPU: 1x1 as one product; depthwise as shifted products; large
    kernels and few channels as `_of_few_channels` says; maps of at most 2x2 as shifts, since most
    taps there meet only padding; 3x3 as Winograd; the rest patches.
    """
    if backend != "cpu":
        return "library"
    if case.fits("matmul"):
        return "matmul"
    if case.groups > 1:
        return "products" if case.fits("products") else "library"
    if narrow := _of_few_channels(case):
        return narrow
    if case.cin < 16:
        return "patches"
    if case.size <= 2:
        return "shifts"
    return "winograd" if case.fits("winograd") else "patches"


def _of_few_channels(case: Case) -> str | None:
    """Where a tap alone has too little to multiply, and two transforms cost more than it.

    Not of an image, which needs no gradient: there patches are as fast forward, and simpler.
    """
    if case.cin == IMAGE or case.stride > 1 or case.size < 8:
        return None
    channels = sorted((case.cin, case.cout))
    if channels[0] < 16 and channels[1] <= 16:
        return "strips"
    if min(case.kernel) > 3:
        return "cook_toom" if case.fits("cook_toom") else LARGE
    return MIXED if channels[0] <= 16 else None


def resolve(case: Case, wanted: str | None) -> str:
    """The lowering of `case` under a model's `lowering` attribute.

    Args:
        case: the convolution.
        wanted: None = by the table for the process's default device; a name of `LOWERINGS`, or
            three (see `conv2d`) = that one wherever it covers the case and the default rule
            elsewhere; a device of the table (as "cpu/cpu") = as on that device.

    Raises:
        UserError: `wanted` is none of these.
    """
    table = committed_table()
    if wanted is None:
        return choose(case, device_key(), table)
    if wanted in table:
        return choose(case, wanted, table)
    if not {*passes(wanted)} <= LOWERINGS.keys():
        raise unknown("lowering", wanted, [*LOWERINGS, *table])
    return wanted if case.fits(wanted) else default_rule(case, "cpu")


def device_key() -> str:
    """ "backend/kind" of the process's default device, as ``cpu/cpu``."""
    import jax

    return f"{jax.default_backend()}/{jax.devices()[0].device_kind}".lower()
