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
    if "--help" in argv or "-h" in argv:
        print(f"{USAGE}\n\n{__doc__}")  # noqa: T201
        return 0
    from jaxcifar.models import overview

    if not argv:
        print(f"{overview.overview()}\n\nlayers and options of one: {USAGE}")  # noqa: T201
        return 0
    name, *flags = argv
    if name.startswith("-") or not all(f.startswith("--") and "=" in f for f in flags):
        raise UserError(f"one network, then its options: {' '.join(argv)!r} is not\n{USAGE}")
    options = {flag[2 : flag.index("=")]: _value(flag[flag.index("=") + 1 :]) for flag in flags}
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
