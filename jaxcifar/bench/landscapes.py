"""What landscapes take: a surface and an eigenvalue as a user asks for them, and probes.

The process starts without compiled programs, so that compiling is in the first two; of probes, as
of training, only what each one takes again.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from jaxcifar.bench import throughput

EVERY = 50  # steps between probes
SIZES = 8
GOALS = {"surface": 240.0, "eigenvalue": 60.0, "sizes": 0.7, "probes": 0.25}
"""Seconds of the first two, for VGG-A at width 0.25 on 2,000 images and 2 cores; else shares."""


def rows(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What `bench_costs` stores, from a process that finds no compiled program."""
    words = {"network": args.network, "resolution": args.resolution, "subset": args.subset,
             "batch": args.batch, "dtype": args.dtype, "rounds": args.rounds,
             "seconds": args.seconds}  # fmt: skip
    given = [f"--{name}={value}" for name, value in words.items() if value is not None]
    done = subprocess.run(
        [sys.executable, "-m", "jaxcifar.bench.costs", "--only", "looks", "--json", *given],
        env=os.environ | {"JAXCIFAR_CACHE": "off"}, check=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    for row in json.loads(done.stdout.splitlines()[-1]):
        yield {name: value for name, value in row.items() if name != "table"}


def looks(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What that process does."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _analyses(_trained(args, Path(folder) / "run"), args)
    yield from _probes(args)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """What is looked at, and how finely."""
    group = parser.add_argument_group("of the table landscape")
    group.add_argument("--network", default="vgg_a:norm=batch,width=0.25", metavar="NAME:OPTION=V")
    group.add_argument("--resolution", type=int, default=25, help="points along each axis")
    group.add_argument("--subset", type=int, default=2000, help="images of each point")
    group.add_argument("--batch", type=int, help="images at once; as in scoring where none is said")
    group.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))


def _row(args: argparse.Namespace, kind: str, what: str, seconds: float,
         beside: float | None = None) -> dict[str, Any]:  # fmt: skip
    return {"model": args.network, "dtype": args.dtype, "kind": kind, "what": what,
            "seconds": seconds, "beside": beside}  # fmt: skip


def _trained(args: argparse.Namespace, workdir: Path) -> Path:
    """A run of one epoch on as many generated images as are looked at; a tenth more validate."""
    import jaxcifar
    from jaxcifar.config import Config, Member, Study, replace

    name, options = throughput.parse_model(args.network)
    base = replace(Config(), {
        "data.name": "synthetic", "data.n_train": round(args.subset / 0.9), "data.n_test": 100,
        "data.normalisation": "half", "model.name": name, "dtype": args.dtype, "train.epochs": 1,
        "train.batch_size": min(throughput.BATCH, args.subset),
        **{f"model.{key}": value for key, value in options.items()},
    })  # fmt: skip
    return jaxcifar.train(Study("bench", base, (Member("one", {}),)), workdir).workdir


def _analyses(workdir: Path, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    from jaxcifar import landscape

    of: dict[str, Any] = {"subset": args.subset, "batch": args.batch}
    side, images = args.resolution, f"{args.subset:,} images"
    seconds, _ = _taken(lambda: landscape.surface(workdir, "one", resolution=side, **of))
    yield _row(args, "surface", f"surface, {side} x {side} points, {images}", seconds)
    seconds, found = _taken(
        lambda: landscape.hessian(workdir, "one", top=1, trace=0, density=0, **of)
    )
    what = f"largest eigenvalue, {int(found.steps[0])} products and one to check, {images}"
    yield _row(args, "eigenvalue", what, seconds)


def _probes(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All step sizes in one pass, beside as many passes of one, and beside the steps between."""
    name, options = throughput.parse_model(args.network)
    side = throughput.ours(name, options, throughput.BATCH, 1, "", args.dtype)
    look = _prober(side.made)
    sizes = np.geomspace(0.05, 0.4, SIZES).astype(np.float32)
    taken: dict[str, list[float]] = {"all": [], "single": [], "steps": []}
    for _ in range(args.rounds):
        taken["all"].append(_taken(lambda: look(sizes))[0])
        taken["single"].append(_taken(lambda: [look(sizes[k : k + 1]) for k in range(SIZES)])[0])
        taken["steps"].append(side.take(EVERY))
    every, single, steps = (statistics.median(found) for found in taken.values())
    yield _row(args, "sizes", f"{SIZES} step sizes in one pass, to a pass each", every, single)
    yield _row(args, "probes", f"a probe of {SIZES} sizes, to {EVERY} steps", every, steps)


def _prober(made: Any) -> Callable[[np.ndarray], Any]:
    """(sizes) -> what a run's probe of a plan's first step sees; compiled for one and for all."""
    import jax

    from jaxcifar import programs
    from jaxcifar.core.types import Images
    from jaxcifar.landscape import step_probes
    from jaxcifar.training import engine

    phase = made.phases[0]
    program, state = phase.program, engine.start(made).state
    own = (state.params, state.batch_stats, state.alive, programs.place(phase.numbers, program))
    data = programs.replicate(Images(*throughput.pixels(throughput.N_IMAGES)), program)
    span = programs.replicate(programs.span(0, 1, 0), program)

    def look(sizes: np.ndarray) -> Any:
        given = (programs.replicate(sizes, program), span)
        run = step_probes.make_probe(program)
        return jax.block_until_ready(run(*own, programs.stream_of(phase, 0), data, *given))

    for count in (1, SIZES):
        look(np.full(count, 0.1, np.float32))
    return look


def _taken(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found
