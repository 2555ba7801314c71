"""``python -m jaxcifar.interop``: trained weights in PyTorch's naming, as a safetensors file."""

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcifar import cli
from jaxcifar.core.errors import UserError, unknown
from jaxcifar.interop.export import export, listing

USAGE = """\
python -m jaxcifar.interop export --workdir DIR --member ID --out F.safetensors [--which best|...]
python -m jaxcifar.interop names NETWORK   # every array's name and shape, at the default options
"""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    command, *rest = argv or ["--help"]
    if "--help" in argv or "-h" in argv or not argv:
        text = f"{USAGE}\n{__doc__}"
    elif command == "names":
        if len(rest) != 1:
            raise UserError(f"which network?\n{USAGE.splitlines()[1]}")
        text = listing(rest[0])
    elif command == "export":
        flags = cli.split_flags(rest, ("workdir", "member", "out", "which")).plain
        for name in ("workdir", "member", "out"):
            if name not in flags:
                raise UserError(f"--{name} is not given\n{USAGE.splitlines()[0]}")
        which = flags.get("which", "best")
        text = export(Path(flags["workdir"]), flags["member"], Path(flags["out"]), which)
    else:
        raise unknown("command", command, ("export", "names"))
    print(text)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
