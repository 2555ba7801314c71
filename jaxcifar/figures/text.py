"""Names and numbers that fit: lines of titles, columns of legends, ticks of logarithmic axes."""

import functools
import re
from collections.abc import Sequence

from matplotlib import font_manager
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
)

from jaxcifar.records.curves import Records

LETTER = 0.58  # mean width of a letter over the font's size
WHOLE = 40  # letters of a word that is not broken


class PlainLog(LogFormatter):
    """Labels a logarithmic axis 0.001, 0.002, ... at the places Matplotlib would label."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """The label of a tick, "" where there would be too many."""
        return f"{x:g}" if super().__call__(x, pos) else ""


def legible(records: Records) -> Records:
    """Records whose names a figure can show: those of the study, its rows and its networks."""
    members = (m._replace(series=printable(m.series), study_id=printable(m.study_id))
               for m in records.members)  # fmt: skip
    return records._replace(study=printable(records.study), members=tuple(members))


@functools.cache
def printable(name: str) -> str:
    """A name in the signs that the figures' font has, others by their number: ``\\u5b66``.

    Names that differ still do, and each fits on a line. Legends leave out what begins with an
    underscore, so a space goes before it.
    """
    signs = (sign if _has_sign(sign) else sign.encode("unicode_escape").decode() for sign in name)
    text = "".join(signs)
    return f" {text}" if text.startswith("_") else text


def _has_sign(sign: str) -> bool:
    return sign.isprintable() and ord(sign) in _signs()


@functools.cache
def _signs() -> frozenset[int]:
    font = font_manager.findfont("DejaVu Sans")  # which Matplotlib brings along
    return frozenset(font_manager.get_font(font).get_charmap())


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
    """A name in lines that fit a width, broken after spaces and hyphens (not in 1e-4).

    A word longer than a line is broken where that ends, unless it has at most `WHOLE` letters.
    """
    most = max(8, int(inches * 72 / (LETTER * size)))
    lines = [""]
    words = re.findall(r".+?(?:(?<!\de)[ -]+|$)", name)
    for part in (part for word in words for part in _parts(word, most)):
        if lines[-1] and len(lines[-1] + part.rstrip()) > most:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def _parts(word: str, most: int) -> list[str]:
    if len(word) <= max(most, WHOLE):
        return [word]
    return [word[at : at + most] for at in range(0, len(word), most)]


def columns_for(names: Sequence[str], figure: Figure, size: float = 7) -> int:
    """How many columns a legend of these names may have below or above a figure."""
    longest = max((len(name) for name in names), default=1)
    across = size * (LETTER * longest + 5)  # with handle and gap
    return max(1, min(len(names), int(figure.get_figwidth() * 72 / across)))
