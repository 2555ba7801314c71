"""How members lie on the hardware: the committed table of lane modes. A run never times itself."""

import json
from functools import lru_cache
from pathlib import Path

from jaxcifar.core.types import Program

DEFAULT = {"cpu": "map"}
"""Where nobody has timed it: one member keeps a CPU's cores busy, and its caches to itself."""


SAID = {"vmap": "side by side", "map": "one after another"}
"""Lane modes in words."""


def case(program: Program) -> str:
    """The table's row for a program: network, structural knobs, batch size and compute type."""
    knobs = " ".join(f"{name}={value}" for name, value in program.options)
    return f"{program.model} {knobs} batch={program.batch} {program.dtype}".replace("  ", " ")


@lru_cache(maxsize=1)
def table() -> dict:
    """backend -> device kind -> case -> members -> lane; from ``scripts/bench.py --tune lanes``."""
    return json.loads(Path(__file__).with_name("lanes.json").read_text())


def choose(program: Program, backend: str, device_kind: str) -> str:
    """The lane for a program's members on one device: the tuned one, else the backend's default.

    Between tuned member counts the nearest smaller one decides; one member is alone in any lane.
    """
    rows = table().get(backend, {}).get(device_kind, {}).get(case(program), {})
    members = program.rows // program.devices
    known = [int(count) for count in rows if int(count) <= members]
    if known:
        return rows[str(max(known))]
    return DEFAULT.get(backend, "vmap") if members > 1 else "vmap"


def lowering_on(backend: str) -> str:
    """Which column of the convolution table serves a backend; off the CPU, the library's own."""
    return "cpu/cpu" if backend == "cpu" else "library"
