"""Numbers and lists in words, as reports, figures and commands show them."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

DASH = "\u2013"  # not recorded, or there is none


def known(value: Any) -> bool:
    """Whether a recorded value is there and finite."""
    return value is not None and math.isfinite(value)


def number(value: Any, digits: int = 0, unit: float = 1.0) -> str:
    """``1,234.50``, in units of `unit`; a dash for None and for what is not finite."""
    return f"{value / unit:,.{digits}f}" if known(value) else DASH


def percent(fraction: Any) -> str:
    """A fraction in [0, 1] as percent with two digits, without the sign."""
    return number(fraction, 2, 0.01)


class Unit(NamedTuple):
    """How a measure's numbers are shown: times `scale`, with so many digits."""

    name: str
    digits: int
    scale: float = 1.0

    def show(self, value: Any) -> str:
        """The number alone; a dash where there is none."""
        return number(value, self.digits, 1 / self.scale)


def p_value(p: float) -> str:
    """A p value with four digits; a dash where there is none."""
    return "<0.0001" if p < 1e-4 else number(p, 4)


def plural(count: int, word: str) -> str:
    """``1 member``, ``1,234 members``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def listed(words: Sequence[str], most: int = 8) -> str:
    """``a, b and c``; where there are many, the first ones and how many more."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
