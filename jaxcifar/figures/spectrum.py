"""Spectra of Hessians: the density of eigenvalues, and the largest ones along training."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from jaxcifar.core.files import given
from jaxcifar.core.wording import plural
from jaxcifar.figures.groups import Table, drawable, save_all
from jaxcifar.figures.panels import below, log_where_positive
from jaxcifar.figures.style import (
    FEW,
    SERIES,
    legend,
    look,
    new_figure,
    plain_numbers,
    styled,
    thinned,
)
from jaxcifar.figures.surface_words import measured
from jaxcifar.figures.text import columns_for, whole_numbers, wrapped
from jaxcifar.records import hessians
from jaxcifar.records.hessians import Hessian, density
from jaxcifar.records.of_weights import step_of

MOST = 9  # panels of a figure
POINTS = 800
WIDTH = 0.008  # of the Gaussians that nodes are drawn as, over the range of all eigenvalues
FAINTEST = 0.05  # of one eigenvalue: what is less is the tail of a Gaussian
EIGENVALUE = "eigenvalue (nats per squared weight)"


@styled
def spectrum(found: Sequence[Hessian]) -> Figure:
    """The density of eigenvalues, a panel for each of the weights, on the same axes."""
    rows = [each for each in found if each.nodes.size]
    shown = rows[:MOST]
    low, high = _range(shown)
    width = WIDTH * (high - low)
    at = np.linspace(low - 6 * width, high + 6 * width, POINTS)
    figure, panels = new_figure(len(shown), 2, EIGENVALUE, "eigenvalues per unit")
    drawn: list[Any] = []
    for axes, each in zip(panels, shown, strict=True):
        drawn = _panel(axes, each, at, width)
        axes.set_title(wrapped(_title(each, shown), 3.0))
    one = _peak(width)
    highest = max(float(np.max(np.asarray(axes.lines[0].get_ydata(), float))) for axes in panels)
    panels[0].set_yscale("log")
    panels[0].set_ylim(FAINTEST * one, 4 * highest)
    panels[0].yaxis.set_major_locator(LogLocator(numticks=7))
    panels[0].yaxis.set_minor_locator(NullLocator())
    plain_numbers(panels[0])
    for axes in panels:
        axes.axhline(one, color="0.5", linestyle=":", linewidth=0.8)
    names = ["density", "largest eigenvalues", "smallest seen"][: len(drawn)]
    legend(figure, drawn, names, loc="outside upper center", ncols=columns_for(names, figure))
    note = f"Drawn: the first {MOST} of {len(rows)}" if len(rows) > MOST else ""
    spread = (
        f"Density: {plural(len(shown[0].nodes), 'random vector')} of {shown[0].nodes.shape[1]} "
        f"Lanczos steps, spread by Gaussians of width {width:.3g}; dotted: a single eigenvalue, "
        "which few vectors weigh roughly"
    )
    told = map(_told, shown) if len(shown) <= FEW else ()
    return below(figure, [_measured(shown), spread, *told, note])


def _range(found: Sequence[Hessian]) -> tuple[float, float]:
    """From the smallest to the largest eigenvalue seen of any."""
    ends = np.concatenate([np.append(each.nodes.ravel(), each.eigenvalues) for each in found])
    low, high = float(ends.min()), float(ends.max())
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _peak(width: float) -> float:
    """How high a single eigenvalue stands, per unit."""
    return 1 / (width * float(np.sqrt(2 * np.pi)))


def _panel(axes: Axes, each: Hessian, at: np.ndarray, width: float) -> list[Any]:
    """Draws one; returns what the legend shows."""
    ours, top, bottom = look(SERIES, 0), look(SERIES, 1), look(SERIES, 3)
    values = each.parameters * density(each, at, width)
    places, values = thinned(np.maximum(values, FAINTEST / 10 * _peak(width)))
    (line,) = axes.plot(at[places], values, color=ours.color)
    axes.fill_between(at[places], values, color=ours.color, alpha=0.2, linewidth=0)
    if not each.eigenvalues.size:
        return [line]
    marks = [(each.eigenvalues, top), (each.lowest, bottom)]
    return [line, *(
        axes.plot(where, np.full(len(where), 0.04), shape.marker, color=shape.color, markersize=3.5,
                  markeredgecolor="white", markeredgewidth=0.4, clip_on=False, linestyle="none",
                  transform=axes.get_xaxis_transform())[0]
        for where, shape in marks
    )]  # fmt: skip


@styled
def along_training(found: Sequence[Hessian]) -> Figure:
    """The largest eigenvalue and the trace against the step of training, a line a member."""
    rows = _kept(found)
    quantities = _quantities(rows)
    figure, panels = new_figure(len(quantities), 2, "training step", "")
    members = list(dict.fromkeys(str(each.about["name"]) for each in rows))
    drawn = []
    for place, name in enumerate(members):
        mine = [each for each in rows if each.about["name"] == name]
        for axes, (of, error) in zip(panels, quantities.values(), strict=True):
            line = _line(axes, mine, of, error, place)
        drawn.append(line)
    for axes, title in zip(panels, quantities, strict=True):
        axes.set_title(title)
        axes.tick_params(labelleft=True)
        axes.xaxis.set_major_locator(whole_numbers())
        log_where_positive([axes])
    panels[0].set_ylabel("nats per squared weight")
    legend(figure, drawn, members, loc="outside upper center", ncols=columns_for(members, figure))
    bars = "Bars: residual norms of eigenvalues, standard errors of traces"
    return below(figure, [_measured(rows, which=False), bars])


Quantity = tuple[Callable[[Hessian], float], Callable[[Hessian], float]]


def _quantities(rows: Sequence[Hessian]) -> dict[str, Quantity]:
    """Title -> value and error of what all have."""
    found: dict[str, Quantity] = {}
    if all(each.eigenvalues.size for each in rows):
        found["largest eigenvalue"] = (
            lambda each: float(each.eigenvalues[0]), lambda each: float(each.residuals[0])
        )  # fmt: skip
    if all(each.trace_samples.size for each in rows):
        found["trace"] = (lambda each: each.trace, lambda each: each.trace_error)
    return found


def _line(axes: Axes, mine: Sequence[Hessian], of: Any, error: Any, place: int) -> Any:
    shape = look(SERIES, place)
    return axes.errorbar(
        [step_of(each) for each in mine], [of(each) for each in mine],
        yerr=np.nan_to_num([error(each) for each in mine]), color=shape.color, marker=shape.marker,
        linestyle=shape.line, markersize=3.5, elinewidth=0.8, capsize=2,
    )  # fmt: skip


def _kept(found: Sequence[Hessian]) -> list[Hessian]:
    """Those of weights that were asked for by their step."""
    return [each for each in found if step_of(each) >= 0]


def _several_steps(found: Sequence[Hessian]) -> bool:
    rows = _kept(found)
    return len({step_of(each) for each in rows}) > 1 and bool(_quantities(rows))


FIGURES: Table = {
    "spectrum": (spectrum, lambda found: any(each.nodes.size for each in found)),
    "training": (along_training, _several_steps),
}


def draw_all(workdir: Path | str, names: Sequence[str] | None = None) -> list[Path]:
    """Draw the Hessians of a run folder to ``figures/NAME-spectrum.png``, ``-training.png``, ...

    All of which the same was asked share a figure and its axes.

    Args:
        workdir: a run folder.
        names: which, see `hessians.group_name`; None = all.

    Returns: the files written. The same records give the same bytes.

    Raises: UserError: no run folder, or a damaged record.
    """
    groups = hessians.compared(given(workdir))
    return save_all(workdir, groups, partial(drawable, FIGURES), names)


def _title(each: Hessian, shown: Sequence[Hessian]) -> str:
    several = len({other.about.get("which") for other in shown}) > 1
    return f"{each.about['name']}, {each.about['which']}" if several else str(each.about["name"])


def _told(each: Hessian) -> str:
    """``bn-0.001 (last): largest 297 (residual 0.04), ..., trace 2072 +- 282 (n = 4)``."""
    words = []
    if each.eigenvalues.size:
        residual = f"residual {each.residuals[0]:.2g}"
        cut = "" if each.converged.all() else ", not all within the tolerance"
        words.append(f"largest eigenvalue {each.eigenvalues[0]:.4g} ({residual}{cut})")
        words.append(f"smallest seen {each.lowest[0]:.3g} (residual {each.lowest_residual[0]:.2g})")
    if each.trace_samples.size:
        n = len(each.trace_samples)
        words.append(f"trace {each.trace:.4g} \u00b1 {_plain(each.trace_error)} (s.e., n = {n})")
    return f"{each.about['name']} ({each.about.get('which', 'as given')}): {', '.join(words)}"


def _plain(value: float) -> str:
    """Two digits, without an exponent where it can be: ``280``."""
    return f"{float(f'{value:.2g}'):g}"


def _measured(found: Sequence[Hessian], which: bool = True) -> str:
    """On what all of them were measured, and from which draws."""
    said = measured([each.about for each in found], which)
    drawn = "data" in found[0].about
    return said + (f", seed {found[0].about['seed']} of the random vectors" if drawn else "")
