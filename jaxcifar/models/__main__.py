"""``python -m jaxcifar.models``: all networks with what they hold and cost, or one by layers."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from jaxcifar import cli
from jaxcifar.core.errors import UserError

USAGE = "python -m jaxcifar.models [NAME [--OPTION=VALUE ...]]"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit status."""
    if not argv or cli.asks_for_help(argv):
        cli.command(argv, cli.Command(USAGE, "All networks, or the layers and options of one."))
    from jaxcifar.models import overview

    if not argv:
        print(f"{overview.overview()}\n\nlayers and options of one: {USAGE}")  # noqa: T201
        return 0
    name, *flags = argv
    if name.startswith("-") or not all(f.startswith("--") and "=" in f for f in flags):
        raise UserError(f"one network, then its options: {' '.join(argv)!r} is not\n{USAGE}")
    pairs = [flag.removeprefix("--").partition("=") for flag in flags]
    options = {name.replace("-", "_"): _value(text) for name, _, text in pairs}
    if "name" in options or len(options) < len(pairs):
        raise UserError(f"a network has each option once, and one name: {' '.join(flags)}\n{USAGE}")
    print(overview.layer_table(name, **options))  # noqa: T201
    return 0


def _value(text: str) -> Any:
    """``batch``, ``0.25``, ``True`` or ``64,64,32`` as Python's own."""
    if "," in text:
        return tuple(_value(part) for part in text.split(",") if part)
    try:
        return json.loads(text.lower() if text in ("True", "False") else text)
    except ValueError:
        return text


if __name__ == "__main__":
    sys.exit(cli.run(main))
