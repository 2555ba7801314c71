"""``python -m jaxcifar.landscape``: analyses of the loss around trained weights."""

import sys
from collections.abc import Sequence

from jaxcifar import cli
from jaxcifar.landscape import hessian_command, shift_command, slice_commands

OF_WEIGHTS = {"hessian": hessian_command, "shift": shift_command}
COMMANDS = slice_commands.COMMANDS | {name: each.COMMAND for name, each in OF_WEIGHTS.items()}


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    about = "Analyses of the loss around the trained weights of a run."
    name, flags = cli.subcommand(argv, about, COMMANDS)
    if name in OF_WEIGHTS:
        return OF_WEIGHTS[name].run(flags)
    return slice_commands.run(name, flags)


if __name__ == "__main__":
    sys.exit(cli.run(main))
