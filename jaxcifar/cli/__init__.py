"""What every command shares: flags, config files, overrides, exit statuses."""

from jaxcifar.cli.commands import Command, asks_for_help, command, subcommand
from jaxcifar.cli.config_files import load_study
from jaxcifar.cli.flags import Flags, split_flags
from jaxcifar.cli.overrides import apply_overrides
from jaxcifar.cli.statuses import run

__all__ = [
    "Command", "Flags", "apply_overrides", "asks_for_help", "command", "load_study", "run",
    "split_flags", "subcommand",
]  # fmt: skip
