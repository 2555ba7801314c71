"""What every command shares: flags, config files, overrides, exit statuses."""

from jaxcifar.cli.commands import print_help, run
from jaxcifar.cli.flags import split_flags
from jaxcifar.cli.studies import apply_overrides, load_study

__all__ = ["apply_overrides", "load_study", "print_help", "run", "split_flags"]
