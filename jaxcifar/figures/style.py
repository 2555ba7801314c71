"""How figures look and how they are saved: one column of print, safe in colour and in grey."""

import functools
import io
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from PIL import Image

from jaxcifar.core.files import write_atomically
from jaxcifar.figures.lone_points import fill, show_lone_points
from jaxcifar.figures.text import PlainLog, legible, printable
from jaxcifar.records.bands import Band
from jaxcifar.records.curves import Records

COLUMN, PAGE = 3.5, 7.0  # inches
FEW = 4  # names that stand in or above a figure of one column
MOST_POINTS = 800  # a column has no more pixels in print

RC = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.0,
    "hatch.linewidth": 0.4,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "svg.hashsalt": "jaxcifar",
    "figure.dpi": 180,
    "text.parse_math": False,  # names may hold any sign, $ too
}

P = ParamSpec("P")


class Look(NamedTuple):
    """Colour, line and fill of one thing drawn."""

    color: str
    line: Any
    hatch: str
    marker: str


# Okabe-Ito colours (jfly.uni-koeln.de/color), neighbours far apart in lightness.
SERIES = (
    Look("#0072B2", "-", "", "o"),
    Look("#E69F00", "--", "//////", "s"),
    Look("#000000", "-.", "......", "^"),
    Look("#CC79A7", ":", "xxxx", "D"),
    Look("#009E73", (0, (5, 1, 1, 1, 1, 1)), "||||", "v"),
    Look("#56B4E9", (0, (1, 1)), "----", "P"),
)
RATES = (
    Look("#000000", "-", "", "o"),
    Look("#0072B2", "-", "", "s"),
    Look("#D55E00", "-", "", "^"),
    Look("#E69F00", "-", "", "D"),
    Look("#009E73", "-", "", "v"),
    Look("#CC79A7", "-", "", "P"),
    Look("#56B4E9", "-", "", "X"),
)


def look(looks: Sequence[Look], index: int) -> Look:
    """The look of the index-th thing; after the last, colours with the lines of their neighbours.

    Fills and markers go with the lines: n looks tell n * n things apart.
    """
    turn, place = divmod(index, len(looks))
    return looks[(place + turn) % len(looks)]._replace(color=looks[place].color)


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under this module's settings, whatever matplotlib's are, and all that was recorded."""

    @functools.wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        given: Any = [legible(each) if isinstance(each, Records) else each for each in args]
        with matplotlib.rc_context({**matplotlib.rcParamsDefault, **RC}):
            figure = draw(*given, **kwargs)
            show_lone_points(figure)
        return figure

    return wrapper


def new_figure(
    panels: int = 1, most_columns: int = 1, xlabel: str = "", ylabel: str = ""
) -> tuple[Figure, list[Axes]]:
    """A figure with so many axes that share both ranges, labelled at the left and the bottom.

    One column of print wide, or a page from two columns of axes on.
    """
    columns = min(panels, most_columns)
    rows = -(-panels // columns)
    size = (COLUMN if columns == 1 else PAGE, 0.5 + 2.1 * rows)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for place, axes in enumerate(grid):
        axes.set_visible(place < panels)
        if place % columns == 0:
            axes.set_ylabel(ylabel)
        if place + columns >= panels:  # none below
            axes.set_xlabel(xlabel)
            axes.tick_params(labelbottom=True)
    return figure, list(grid[:panels])


def bare_grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, np.ndarray]:
    """A figure of so many inches and its axes (rows, columns), bare: for images and drawings."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
    return figure, grid


def footer(figure: Figure, records: Records, *notes: str) -> None:
    """Say under a figure what it shows: data, study, seeds, treatment, and what is missing."""
    seeds = records.seeds
    said = [
        f"Data: {records.data}",
        f"study {records.study}",
        f"n = {seeds} seed{'s'[: seeds > 1]}",
    ]
    sentences = [", ".join(said), *filter(None, notes), diverged_note(records)]
    if records.waiting:
        sentences.append(f"Not trained yet: {', '.join(records.waiting)}")
    text = ". ".join(s for s in sentences if s) + "."
    lines = textwrap.wrap(printable(text), int(figure.get_figwidth() * 22.5))
    figure.set_figheight(figure.get_figheight() + 0.1 * len(lines))
    figure.supxlabel("\n".join(lines), x=0.01, ha="left", fontsize=6, color="0.25")


def diverged_note(records: Records) -> str:
    """Names every run that became non-finite, with its step."""
    bad = [f"{m.id} at step {m.diverged}" for m in records.members if m.diverged >= 0]
    return f"Not finite and left out from there: {', '.join(bad)}" if bad else ""


def bin_size(steps: int, most: int = MOST_POINTS) -> int:
    """Steps that share a point when `steps` of them are drawn; 1 where all fit."""
    return -(-steps // most)


def bin_band(band: Band, size: int) -> tuple[np.ndarray, Band]:
    """Merge `size` neighbouring steps for drawing, so that no extreme is lost.

    Returns:
        The middle step of each bin, and the band of the smallest lower edge, the largest upper
        edge and the mean of the mean.
    """
    steps = len(band.mean)
    if size == 1:
        return np.arange(steps), band
    starts = np.arange(0, steps, size)
    known = np.isfinite(band.mean)
    number = np.add.reduceat(known.astype(int), starts)
    total = np.add.reduceat(np.where(known, band.mean, 0), starts)
    binned = Band(
        lower=np.fmin.reduceat(band.lower, starts),
        upper=np.fmax.reduceat(band.upper, starts),
        mean=np.where(number > 0, total / np.maximum(number, 1), np.nan),
        runs=np.minimum.reduceat(band.runs, starts),
    )
    return (starts + np.minimum(starts + size, steps) - 1) / 2, binned


def thinned(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values (S,) at which a piecewise constant curve changes, and its two ends."""
    keep = np.ones(len(values), bool)
    keep[1:-1] = (values[1:-1] != values[:-2]) | (values[1:-1] != values[2:])
    return np.flatnonzero(keep), values[keep]


def draw_band(
    axes: Axes, x: np.ndarray, band: Band, shape: Look, *, hatch: bool = False
) -> tuple[Any, ...]:
    """A filled band and its mean line; returns what the legend shows.

    The filling ends where a run is lost; thin edges go on around the runs that are left.
    """
    (line,) = axes.plot(x, band.mean, color=shape.color, linestyle=shape.line, linewidth=1.2)
    if not np.isfinite(band.upper).any():
        return (line,)
    whole = band.runs == band.runs.max()
    lower, upper = (np.where(whole, edge, np.nan) for edge in (band.lower, band.upper))
    filled = fill(axes, x, lower, upper, shape.color, 0.3, shape.hatch if hatch else "")
    for edge in (band.lower, band.upper):
        axes.plot(x, edge, color=shape.color, linewidth=0.5, alpha=0.7)
    return filled, line


def draw_outermost(axes: Axes, x: np.ndarray, band: Band, shape: Look) -> None:
    """A pale filling behind a band: as far as any seed's reaches, up to where a run is lost."""
    whole = band.runs == band.runs.max(initial=0)
    lower, upper = (np.where(whole, edge, np.nan) for edge in (band.lower, band.upper))
    fill(axes, x, lower, upper, shape.color, 0.12)


def draw_range(
    axes: Axes, x: np.ndarray, lower: np.ndarray, upper: np.ndarray, shape: Look
) -> tuple[Any, ...]:
    """A filled range whose two edges are the curves; returns what the legend shows."""
    filled = fill(axes, x, lower, upper, shape.color, 0.3, shape.hatch)
    for edge in (lower, upper):
        (line,) = axes.plot(x, edge, color=shape.color, linestyle=shape.line)
    return filled, line


def plain_numbers(axes: Axes) -> None:
    """Label a logarithmic y axis 0.001, 0.01, ... instead of powers."""
    axes.yaxis.set_major_formatter(PlainLog())
    axes.yaxis.set_minor_formatter(PlainLog())


def legend(owner: Any, handles: Sequence[Any], labels: Sequence[str], **options: Any) -> None:
    """A legend whose handles may be (fill, line) pairs laid over each other."""
    owner.legend(handles, labels, handler_map={tuple: HandlerTuple(ndivide=1)}, **options)


def page_wide(figure: Figure, names: int) -> None:
    """Make room for a legend of so many names at the right of the axes."""
    figure.set_size_inches(PAGE, max(2.8, 0.6 + 0.13 * names))


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write ``STEM.png`` and ``STEM.svg``; the same figure gives the same bytes."""
    written = []
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **RC}):
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # arranged; the second format need not do it again
        for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None})):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=suffix[1:], dpi="figure", metadata=metadata)
            write_atomically(stem.with_suffix(suffix), buffer.getvalue())
            written.append(stem.with_suffix(suffix))
    return written


def save_small(figure: Figure, path: Path, colours: int = 128) -> Path:
    """Write a PNG of few colours, a third of the usual size; the same figure, the same bytes."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **RC}):
        figure.savefig(buffer, format="png", dpi="figure", metadata={"Software": None})
    write_atomically(path, fewer_colours(buffer.getvalue(), colours))
    return path


def fewer_colours(png: bytes, colours: int = 256) -> bytes:
    """A PNG image with at most so many colours: a third of the bytes, hardly another look.

    Those of lines and fills stay exact: a palette made by areas may make one orange of two.
    """
    image = Image.open(io.BytesIO(png)).convert("RGB")
    own = [bytes.fromhex(name[1:]) for name in dict.fromkeys(k.color for k in (*SERIES, *RATES))]
    free = colours - len(own)
    few = image.quantize(free, dither=Image.Dither.NONE)
    pixels, places = np.asarray(image), np.array(few)
    for number, colour in enumerate(own, free):
        places[(pixels == list(colour)).all(axis=-1)] = number
    palette = bytes(few.getpalette() or ()).ljust(3 * free, b"\0")[: 3 * free]
    made, small = Image.fromarray(places), io.BytesIO()
    made.putpalette(palette + b"".join(own))
    made.save(small, format="PNG", optimize=True)
    return small.getvalue()
