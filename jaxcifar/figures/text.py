"""Names and numbers that fit: lines of titles, columns of legends, ticks of logarithmic axes."""

import re
from collections.abc import Sequence

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

LETTER = 0.58  # mean width of a letter over the font's size


def few_numbers(axis: Axis, subs: Sequence[int] = (1, 2, 5), at_least: float = 8) -> None:
    """Plain numbers on a logarithmic axis: these of every decade, or evenly spaced ones where it
    spans less than `at_least` to 1.
    """
    low, high = axis.get_view_interval()
    subs = subs if high < 2000 * low else (1,)
    axis.set_major_locator(LogLocator(subs=subs) if high > at_least * low else MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def whole_numbers() -> MaxNLocator:
    """Ticks at whole epochs or steps only, also where one alone was recorded."""
    return MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)


def wrapped(name: str, inches: float, size: float = 8) -> str:
    """A name in lines that fit a width, broken after spaces and hyphens (not in 1e-4)."""
    most = max(8, int(inches * 72 / (LETTER * size)))
    lines = [""]
    for word in re.findall(r".+?(?:(?<!\de)[ -]+|$)", name):
        if lines[-1] and len(lines[-1] + word.rstrip()) > most:
            lines.append("")
        lines[-1] += word
    return "\n".join(line.rstrip() for line in lines)


def columns_for(names: Sequence[str], figure: Figure, size: float = 7) -> int:
    """How many columns a legend of these names may have below or above a figure."""
    longest = max((len(name) for name in names), default=1)
    across = size * (LETTER * longest + 5)  # with handle and gap
    return max(1, min(len(names), int(figure.get_figwidth() * 72 / across)))
