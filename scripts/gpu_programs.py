"""What XLA makes of training for a GPU that is not here: see --help."""

import sys

from jaxcifar.bench.gpu_programs import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
