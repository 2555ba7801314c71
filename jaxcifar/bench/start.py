"""How long a user waits before training is under way: imports, help, the first step."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

COMMANDS = {
    "import jaxcifar": ["-c", "import jaxcifar"],
    "python -m jaxcifar.train --help": ["-m", "jaxcifar.train", "--help"],
}
NETWORKS = ("vgg_a:norm=batch", "cifar_resnet20:")


def rows(args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What `bench_costs` stores; programs come from nowhere, then from the folder just filled."""
    for name, command in COMMANDS.items():
        taken = [_seconds(command) for _ in range(args.rounds)]
        yield {"model": name, "cache": None, "seconds": statistics.median(taken)}
    for text in NETWORKS:
        with tempfile.TemporaryDirectory() as folder:
            for cache in ("empty", "full"):
                yield {"model": text, "cache": cache, "seconds": _first_step(text, folder)}


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _first_step(text: str, folder: str) -> float:
    """By a process of its own, which traces, compiles or reads, and takes the step."""
    done = subprocess.run(
        [sys.executable, "-m", "jaxcifar.bench.start", text],
        env=os.environ | {"XDG_CACHE_HOME": folder}, check=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    return float(json.loads(done.stdout.splitlines()[-1]))


def main(text: str) -> None:
    """What that process does."""
    from jaxcifar.bench import throughput
    from jaxcifar.core import setup

    setup.prepare()
    side = throughput.ours(*throughput.parse_model(text), throughput.BATCH, 1, "", "float32")
    print(json.dumps(side.first))


if __name__ == "__main__":
    main(sys.argv[1])
