"""Tries small changes of the code, which tests must notice: see --help."""

import sys

from jaxcifar import cli
from jaxcifar.bench.mutants import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
