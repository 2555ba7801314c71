"""``python -m jaxcifar.report``: rebuild a run's report from its records."""

import sys
from collections.abc import Sequence

from jaxcifar import cli, report

COMMAND = cli.Command(
    "python -m jaxcifar.report --workdir DIR",
    "Draws a run's figures and writes report.md and report.html, from its records alone.",
    flags=("workdir",), required=("workdir",),
)  # fmt: skip


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    workdir = cli.command(argv, COMMAND).run_folder()
    if any(workdir.glob("groups/*/group.json")):
        from jaxcifar.records import (
            folder,  # JAX comes with it, which a copy of the records does not need
        )

        folder.merge(workdir)  # a run that was killed had no time to do it
    print(*report.write(workdir), sep="\n")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
