"""Record the reference values of tests/golden: see --help."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path += [str(TESTS), str(TESTS / "golden")]  # seeded.py, recorders

from recorders.__main__ import main  # noqa: E402

if __name__ == "__main__":
    main()
