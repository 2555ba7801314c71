"""What XLA makes of training for a GPU that is not here: see --help."""

import sys

from jaxcifar import cli
from jaxcifar.bench.gpu_programs import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
