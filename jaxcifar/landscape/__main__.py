"""``python -m jaxcifar.landscape``: analyses of the loss around trained weights."""

import sys
from collections.abc import Sequence

from jaxcifar import cli
from jaxcifar.core.errors import UserError, unknown
from jaxcifar.landscape import hessian_command, slice_commands
from jaxcifar.records import study_file

ANALYSES = {
    "shift": "how far the inputs of layers move in training",
}
COMMANDS = slice_commands.COMMANDS | {"hessian": hessian_command.COMMAND} | {
    name: cli.Command(
        f"python -m jaxcifar.landscape {name} --workdir DIR [--member ID]",
        f"To come: {what}.\nThe command knows its flags already, and ends with status 2.",
        flags=("workdir", "member"), required=("workdir",),
    )
    for name, what in ANALYSES.items()
}  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    about = "Analyses of the loss around the trained weights of a run."
    name, flags = cli.subcommand(argv, about, COMMANDS)
    if name in slice_commands.COMMANDS:
        return slice_commands.run(name, flags)
    if name == "hessian":
        return hessian_command.run(flags)
    members = study_file.members(flags.run_folder())
    if flags.plain.get("member", next(iter(members))) not in members:
        raise unknown("member", flags.plain["member"], members)
    raise UserError(
        f"the analysis {name!r} is not there yet: nothing was computed\n"
        "the one-pass step over learning rates is: jaxcifar.landscape.sweep_step"
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
