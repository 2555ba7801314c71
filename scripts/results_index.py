"""Remake docs/results/index.md and what the README says of results: see --help."""

import sys

from jaxcifar import cli
from jaxcifar.reproduction.overview_page import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
