"""Remake the pages of the study reports: see --help."""

import sys

from jaxcifar import cli
from jaxcifar.reproduction.reports.command import main

if __name__ == "__main__":
    sys.exit(cli.run(main))
