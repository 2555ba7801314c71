"""What XLA makes of training for a GPU that is not here: kernels, traffic, memory, a bound.

    python scripts/gpu_programs.py                     # the networks of docs/performance.md
    python scripts/gpu_programs.py --models resnet18 --batch 512 --members 1
    python scripts/gpu_programs.py --write             # and docs/performance.md
    python scripts/gpu_programs.py --text resnet18.hlo --models resnet18 --batch 512
    python scripts/gpu_programs.py --graphs --models cnn   # an epoch as one CUDA graph

XLA compiles for a card that is only described; nothing runs, and nothing is timed. It needs JAX's
CUDA plugin (``pip install -e ".[cuda12]"`` in an environment of its own) but neither a card nor a
driver. XLA chooses kernels by rule then, as it does in a run with ``--config.deterministic``.
"""

import argparse
import os
import shlex
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from jaxcifar.bench import performance_page, throughput
from jaxcifar.bench.costs import ACCOUNTED, WIDE, arguments
from jaxcifar.bench.hlo_kernels import kernels, launches
from jaxcifar.core.files import given

CARD = "NVIDIA H200"
CONFIG = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 threads_per_core_limit: 2048
  shared_memory_per_block: 49152 shared_memory_per_core: 233472
  shared_memory_per_block_optin: 232448 registers_per_core_limit: 65536
  registers_per_block_limit: 65536 core_count: 132 fpus_per_core: 128
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 4800000000000 l2_cache_size: 52428800 clock_rate_ghz: 1.98
  device_memory_size: 149000000000 cuda_compute_capability { major: 9 }
  driver_version: "12.9.0"
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 10 }
runtime_version { major: 12 minor: 9 }
device_description_str: "NVIDIA H200"
"""
BYTES_A_SECOND = 4.8e12  # its data sheet, as the rates of dense products below
FLOP_A_SECOND = {"bfloat16": 989e12, "float32": 494e12}  # the latter rounded to TF32, as by default
NETWORKS = tuple(text.rstrip(":") for text in ACCOUNTED
                 if text not in ("cnn:", "resnet18:", f"{WIDE}1.0"))  # fmt: skip

FLAGS = "--xla_gpu_deterministic_ops=true --xla_gpu_enable_triton_gemm=false"
"""As in a run, but that matrix products go to cuBLAS: without a card, newer XLA cannot choose the
tiles of its own."""


class Case(NamedTuple):
    """A population's program; an empty lane or lowering is the one that a run takes."""

    model: str
    batch: int = 128
    members: int = 1
    lane: str = ""
    lowering: str = ""
    dtype: str = "bfloat16"


CASES = (
    *(Case(name, 512) for name in ("resnet18", "vgg_a:norm=batch", "cifar_resnet20", "cnn")),
    Case("vgg_a:norm=batch"), Case("vgg_a:norm=batch", members=8),
    Case("vgg_a:norm=batch", members=8, lane="map"),
    Case("vgg_a:norm=batch", members=8, lowering="patches"),
    Case("cnn"), Case("cnn", members=8), Case("cnn", members=32),
    *(Case(name) for name in NETWORKS),
    *(Case(name, dtype="float32") for name in (*NETWORKS, "cnn", "vgg_a:norm=batch", "resnet18")),
)  # fmt: skip


def describe(flags: str) -> Any:
    """The card's devices, as a compiler knows them. Call this before JAX is imported."""
    from jaxcifar.core import setup

    os.environ |= {"JAX_PLATFORMS": "cpu", "JAX_SKIP_CUDA_CONSTRAINTS_CHECK": "1"}
    setup.ask_xla(f"{FLAGS} {flags}")
    import jax
    from jax.experimental import topologies

    jax.devices()  # finds the plugins
    found = topologies.get_topology_desc(platform="cuda", topology="1x1x1", target_config=CONFIG)
    return found.devices


@contextmanager
def pretending(devices: Sequence[Any] | None) -> Iterator[None]:
    """Within, plans are made for the card, and programs laid out on it if `devices` are given."""
    import jax

    from jaxcifar import programs
    from jaxcifar.core import hardware

    machine = hardware.Hardware("gpu", CARD, 1, os.cpu_count() or 1)
    axes = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((1,), ("member",), axis_types=axes, devices=(devices or jax.devices())[:1])
    with (
        mock.patch.object(jax, "default_backend", lambda: "gpu"),
        mock.patch.object(hardware, "hardware", lambda: machine),
        mock.patch.object(programs, "mesh_of", lambda *_: mesh),
    ):
        yield


def lowered(made: Any, images: int) -> Any:
    """A plan's segment over so many training images, traced for the card."""
    import jax
    from jax.sharding import NamedSharding
    from jax.sharding import PartitionSpec as P

    from jaxcifar import programs

    def on(tree: Any, *axis: str) -> Any:
        place = NamedSharding(programs.mesh_of(1), P(*axis))
        shape = lambda a: jax.ShapeDtypeStruct(np.shape(a), a.dtype, sharding=place)  # noqa: E731
        return jax.tree.map(shape, tree)

    *own, stream, data, span = arguments(made, images)
    given = (*(on(tree, "member") for tree in own), on(stream), on(data), on(span))
    segment: Any = programs.make_segment(made.phases[0].program)
    return segment.trace(*given).lower(lowering_platforms=("cuda",))


def plan_of(case: Case) -> Any:
    """The plan that a run would make, but for the lane and the lowering that a case asks for."""
    made = throughput.make_plan(
        *throughput.parse_model(case.model), case.batch, case.members, case.dtype
    )
    (phase,) = made.phases
    asked = {name: value for name in ("lane", "lowering") if (value := getattr(case, name))}
    phase = phase._replace(program=phase.program._replace(**asked))
    return made._replace(phases=(phase,))


def row_of(devices: Any, case: Case, path: Path | None, dumps: Path) -> dict[str, Any]:
    """What the compiled step of a population does; `path` gets the program's text.

    XLA writes of each program to `dumps`; what was there is deleted.
    """
    from jaxcifar.planning import memory, speed

    for old in dumps.iterdir():
        old.unlink()
    with pretending(devices):
        made = plan_of(case)
        program = made.phases[0].program
        began = time.perf_counter()
        compiled = lowered(made, throughput.N_IMAGES).compile()
        seconds = time.perf_counter() - began
        planned = memory.estimate(made, throughput.N_IMAGES, "gpu")
    if path is not None:
        path.write_text(compiled.as_text())
    step, account = kernels(compiled.as_text()), compiled.memory_analysis()
    (executed,) = dumps.glob("*segment.thunk_sequence_after_thunk_passes.txt")
    turns, depth = (case.members, 2) if program.lane == "map" and case.members > 1 else (1, 1)
    row = {
        **case._asdict(), "lane": program.lane, "lowering": program.lowering,
        "kernels": turns * len(step), "seconds": seconds,
        "launches": turns * launches(executed.read_text(), depth),
        "products": turns * sum(kernel.product for kernel in step),
        "traffic": turns * sum(kernel.bytes for kernel in step),
        "of_products": turns * sum(kernel.bytes for kernel in step if kernel.product),
        "flop": 2 * speed.STEP_COST * speed.macs(program) * case.batch * case.members,
        "estimate_bytes": planned.segment,
        "xla_bytes": account.argument_size_in_bytes + account.temp_size_in_bytes,
    }  # fmt: skip
    return row | {"least": least_seconds(row)}


def least_seconds(row: dict[str, Any]) -> float:
    """Of a step on the card: its products or their traffic, and all other traffic."""
    products = max(row["flop"] / FLOP_A_SECOND[row["dtype"]], row["of_products"] / BYTES_A_SECOND)
    return products + (row["traffic"] - row["of_products"]) / BYTES_A_SECOND


def tell(case: Case, row: dict[str, Any]) -> None:
    """Print a program's row."""
    throughput.say(
        f"{case}: {row['kernels']} kernels, {row['launches']} launches, "
        f"{row['traffic'] / 1e9:.2f} GB, at least {1e3 * row['least']:.2f} ms: "
        f"{case.batch * case.members / row['least']:,.0f} images/s at most"
    )


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME:OPTION=V,...")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--lane", default="", choices=("", "vmap", "map"))
    parser.add_argument("--lowering", default="", help="of convolutions")
    parser.add_argument("--dtype", default="bfloat16", choices=("float32", "bfloat16"))
    parser.add_argument("--text", type=given, help="write the last program's text to this file")
    parser.add_argument("--graphs", action="store_true", help="a segment as one CUDA graph")
    parser.add_argument("--write", action="store_true", help="add the rows to docs/performance.md")
    args = parser.parse_args(argv)
    shape = (args.batch, args.members, args.lane, args.lowering, args.dtype)
    cases = [Case(name, *shape) for name in args.models] or CASES
    command = shlex.join(["python", "scripts/gpu_programs.py", *argv])
    flags = performance_page.GRAPHS if args.graphs else ""
    with tempfile.TemporaryDirectory() as dumps:
        devices, rows = describe(f"{flags} --xla_dump_to={dumps}"), []
        for case in cases:
            row = row_of(devices, case, args.text, Path(dumps))
            tell(case, row)
            stamp = performance_page.stamped(row | {"table": "programs"}, command)
            rows.append(stamp | {"device": f"{CARD}, not there", "cores": 0})
    if args.write:
        performance_page.add_costs(rows)
    return 0
