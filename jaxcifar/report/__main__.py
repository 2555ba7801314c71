"""``python -m jaxcifar.report``: rebuild a run's report from its records."""

import sys
from collections.abc import Sequence
from pathlib import Path

from jaxcifar import cli, report
from jaxcifar.core.errors import UserError

USAGE = "python -m jaxcifar.report --workdir DIR"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    if "--help" in argv or "-h" in argv:
        print(f"{USAGE}\n\n{__doc__}")  # noqa: T201
        return 0
    plain = cli.split_flags(argv, ("workdir",)).plain
    if "workdir" not in plain:
        raise UserError(f"which run folder?\n{USAGE}")
    workdir = Path(plain["workdir"])
    if any(workdir.glob("groups/*/group.json")):
        from jaxcifar.records import (
            folder,  # JAX comes with it, which a copy of the records does not need
        )

        folder.merge(workdir)  # a run that was killed had no time to do it
    print(*report.write(workdir), sep="\n")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
