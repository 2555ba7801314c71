"""Remake docs/results/bn.md: see --help."""

import sys

from jaxcifar import cli
from jaxcifar.reproduction.batchnorm.command import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
