"""Record the reference values of tests/golden.

    pip install torch==2.13.0 torchvision==0.28.0 schedulefree==1.4.1
    python scripts/make_golden.py                  # every part
    python scripts/make_golden.py losses optim     # these parts

Needs no JAX. A part is a module of tests/golden/recorders whose ``record()`` gives the arrays of
one or more files, by file stem. Record again only when the reference itself changes, never to make
a test pass.
"""

import argparse
import importlib
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
PARTS = sorted(path.stem for path in HERE.glob("[a-z]*.py"))
"""To add one: a module in this folder."""


def main() -> None:
    """Write the files of the parts named, or of all."""
    parser = argparse.ArgumentParser(description="record reference values")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(PARTS)}; none = all")
    names = parser.parse_args().names or PARTS
    if unknown := set(names) - set(PARTS):
        parser.error(f"unknown {', '.join(sorted(unknown))}; choose of {', '.join(PARTS)}")
    for name in names:
        for stem, arrays in importlib.import_module(f"recorders.{name}").record().items():
            path = HERE.parent / f"{stem}.npz"
            np.savez_compressed(path, **arrays)
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
