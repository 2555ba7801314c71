"""Writes docs/reliability.md from reports of tests: see --help."""

import sys

from jaxcifar import cli
from jaxcifar.bench.reliability_page import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
