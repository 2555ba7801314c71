"""What a population of any size would cost on a cluster: see --help."""

import sys

from jaxcifar import cli
from jaxcifar.bench.cluster import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
