"""What training costs grow with: see --help."""

import sys

from jaxcifar import cli
from jaxcifar.bench.costs import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
