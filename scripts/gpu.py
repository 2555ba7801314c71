"""Everything that is measured on a GPU: see --help."""

import sys

from jaxcifar import cli
from jaxcifar.bench.gpu_session import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
