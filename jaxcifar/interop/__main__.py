"""``python -m jaxcifar.interop``: trained weights in PyTorch's naming, as a safetensors file."""

import sys
from collections.abc import Sequence

from jaxcifar import cli
from jaxcifar.interop.export import export, listing

COMMANDS = {
    "export": cli.Command(
        "python -m jaxcifar.interop export --workdir DIR --member ID --out F.safetensors "
        "[--which best|...]",
        "Writes a member's trained weights. --which: best (the default), last, swa, ema, step:N.",
        flags=("workdir", "member", "out", "which"), required=("workdir", "member", "out"),
    ),
    "names": cli.Command(
        "python -m jaxcifar.interop names NETWORK",
        "Lists every array's name and shape, at the network's default options.",
        word="network",
    ),
}  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    name, flags = cli.subcommand(argv, "Trained weights in PyTorch's naming.", COMMANDS)
    if name == "names":
        text = listing(flags.words[0])
    else:
        which = flags.plain.get("which", "best")
        text = export(flags.run_folder(), flags.plain["member"], flags.file("out"), which)
    print(text)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
