"""Training throughput beside PyTorch, and the committed tables: see --help."""

import sys

from jaxcifar.bench.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
