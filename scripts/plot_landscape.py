"""Redraw every figure of a run from its records alone.

python scripts/plot_landscape.py --workdir runs/bn-quick-12345678
"""

import argparse
import sys

from jaxcifar import figures
from jaxcifar.core.errors import UserError


def main(argv: list[str] | None = None) -> int:
    """Draw, and print the files written; 2 for what the user can mend."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workdir", required=True, help="a run folder")
    try:
        written = figures.draw_all(parser.parse_args(argv).workdir)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(*written, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
