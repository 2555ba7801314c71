"""Singular values of CANet's unit transforms: how many directions they use."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from jaxcifar.figures.curves import LINES
from jaxcifar.figures.shown_members import first_seed, leading
from jaxcifar.figures.style import RATES, footer, look, new_figure, styled
from jaxcifar.figures.text import few_numbers, wrapped
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside, Probes

LOWEST = 1e-4  # of the largest; below it single precision says little


@styled
def singular_values(records: Records, inside: Inside) -> Figure:
    """Singular values of every unit-transform kernel over the largest, by their rank."""
    probed = inside.probed("singular_values")
    rows, note = leading(records, inside, probed, 2)
    figure, panels = new_figure(len(rows), 2, "rank in falling order (% of all)",
                                "singular value / largest")  # fmt: skip
    for axes, row in zip(panels, rows, strict=True):
        handles = _spectra(axes, probed[row.ids[0]])
        axes.set_title(wrapped(row.label, 2.9))
    panels[0].set_yscale("log")
    few_numbers(panels[0].yaxis)
    figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=6)
    rank = "A kernel between C and C/2 channels has C/2 singular values"
    footer(figure, records, rank, first_seed(rows), note)
    return figure


def _spectra(axes: Axes, found: Probes) -> list[Line2D]:
    """A colour a block and a line a kernel of it; returns what the legend shows."""
    places = [name.rpartition("/") for name in found.singular_names]
    blocks = list(dict.fromkeys(block for block, _, _ in places))
    kernels = list(dict.fromkeys(kernel for _, _, kernel in places))
    for (block, _, kernel), values in zip(places, np.asarray(found.singular_values), strict=True):
        x, y = normalised(values)
        axes.plot(x, y, color=look(RATES, blocks.index(block)).color,
                  linestyle=LINES[kernels.index(kernel) % len(LINES)])  # fmt: skip
    handles = [Line2D([], [], color=look(RATES, i).color, label=b) for i, b in enumerate(blocks)]
    return handles + [
        Line2D([], [], color="0.3", linestyle=LINES[i % len(LINES)], label=kernel)
        for i, kernel in enumerate(kernels)
    ]


def normalised(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Percent of all and value over the largest, of a row that NaN pads; from `LOWEST` on."""
    known = values[np.isfinite(values)]
    share = 100 * np.arange(1, len(known) + 1) / max(len(known), 1)
    relative = known / known.max(initial=np.finfo(np.float32).tiny)
    kept = relative >= LOWEST
    return share[kept], relative[kept]
