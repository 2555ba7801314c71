"""Everything that is measured on a GPU, in parts of at most ten minutes, written to docs.

    python scripts/gpu.py --data DIR                   # all parts
    python scripts/gpu.py --data DIR --parts networks populations
    python scripts/gpu.py --data DIR --list            # the commands, nothing run

networks: one member against PyTorch on the same card, compiled, bfloat16, data on the device, the
kernels of both timed; kernels: what it costs to choose them by rule, as runs do by default.
populations: eight VGG-A with BatchNorm in both lanes, and with convolutions as batched products
beside the library's grouped ones. seeds: 32 of the CNN. graphs: populations and seeds again, every
segment one CUDA graph. study: the BatchNorm study and its page. reports: R3 and R4 at their
published size, as far as nine minutes go. costs: members, images, saves, start-up. landscape:
of ResNet-56 a surface of 51 x 51 points over 50,000 images, wanted within three minutes, its
largest eigenvalue over as many, and probes.
"""

import argparse
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from jaxcifar.core.files import CHECKOUT, given

BENCH = ("scripts/bench.py", "--dtype", "bfloat16", "--rounds", "3", "--seconds", "3", "--write")
PARTS: dict[str, tuple[str, ...]] = {
    "networks": (*BENCH, "--autotune", "--batch", "512", "--members", "--models", "resnet18",
                 "vgg_a:norm=batch", "cifar_resnet20", "cnn"),
    "kernels": (*BENCH, "--batch", "512", "--members", "--eager", "--models", "resnet18",
                "vgg_a:norm=batch", "cifar_resnet20", "cnn"),
    "populations": (*BENCH, "--autotune", "--batch", "128", "--members", "8", "--eager",
                    "--lowerings", "patches", "winograd", "--models", "vgg_a:norm=batch"),
    "seeds": (*BENCH, "--autotune", "--batch", "128", "--members", "32", "--eager",
              "--models", "cnn"),
    "graphs": (*BENCH, "--autotune", "--graphs", "--batch", "128", "--members", "8", "32",
               "--eager", "--models", "cnn", "vgg_a:norm=batch"),
    "study": ("scripts/reproduce_bn.py", "--alone", "--variants", "r1,dtype=bfloat16",
              "r0,dtype=bfloat16", "r1", "default"),
    "reports": ("scripts/reproduce.py", "--minutes", "9", "--reports", "R3", "R4"),
    "landscape": ("scripts/bench_costs.py", "--only", "landscape", "--network", "cifar_resnet56",
                  "--resolution", "51", "--subset", "50000", "--batch", "2000",
                  "--dtype", "bfloat16", "--rounds", "3", "--write"),
    "costs": ("scripts/bench_costs.py", "--only", "start", "members", "images", "saves", "--write"),
}  # fmt: skip


def command(part: str, data: Path) -> list[str]:
    """A part's command line, but for the interpreter."""
    words = list(PARTS[part])
    return words + (["--data", str(data)] if "reproduce" in words[0] else [])


def main(argv: Sequence[str]) -> int:
    """Run the parts in turn, also after one that failed; returns how many did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=given, required=True, help="folder of CIFAR-10")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--list", action="store_true", help="print the commands alone")
    args = parser.parse_args(argv)
    failed = 0
    for part in args.parts:
        words = command(part, args.data)
        print(f"{part}: python {shlex.join(words)}", flush=True)
        if args.list:
            continue
        began = time.perf_counter()
        status = subprocess.run([sys.executable, *words], cwd=CHECKOUT, check=False).returncode
        print(f"{part}: status {status} after {time.perf_counter() - began:,.0f} s", flush=True)
        failed += status != 0
    return failed
