"""Redraw every figure of a run and of its landscapes from its records alone.

python scripts/plot_landscape.py --workdir runs/bn-quick-12345678
"""

import sys
from collections.abc import Sequence

from jaxcifar import cli, figures
from jaxcifar.figures import landscapes

COMMAND = cli.Command(
    "python scripts/plot_landscape.py --workdir DIR",
    "Redraws every figure of a run and of its landscapes from its records alone.",
    flags=("workdir",), required=("workdir",),
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Draw, and print the files written; 2 for what the user can mend."""
    return cli.run(_draw, argv)


def _draw(argv: Sequence[str]) -> None:
    workdir = cli.command(argv, COMMAND).run_folder()
    print(*figures.draw_all(workdir), *landscapes.pages(workdir), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
