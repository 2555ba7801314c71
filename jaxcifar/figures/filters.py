"""What the first convolution has learned, as small pictures."""

import numpy as np
from matplotlib.figure import Figure

from jaxcifar.figures.shown_members import first_seed, leading
from jaxcifar.figures.style import COLUMN, PAGE, bare_grid, footer, styled
from jaxcifar.figures.text import wrapped
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside

MOST, ACROSS = 64, 8


@styled
def first_filters(records: Records, inside: Inside) -> Figure:
    """The kernels of the first convolution as RGB pictures, the largest in norm first."""
    probed = inside.probed("filters")
    rows, note = leading(records, inside, probed, 4)
    kernels = [np.asarray(probed[row.ids[0]].filters) for row in rows]
    tall = max(-(-min(kernel.shape[-1], MOST) // ACROSS) for kernel in kernels)
    figure, (grid,) = bare_grid(1, len(rows), COLUMN if len(rows) == 1 else PAGE, 1)
    figure.set_figheight(0.35 + figure.get_figwidth() / len(rows) * tall / ACROSS)
    for axes, row, kernel in zip(grid, rows, kernels, strict=True):
        axes.imshow(mosaic(kernel), interpolation="nearest")
        axes.set_anchor("N")
        height, width, _, number = kernel.shape
        name = wrapped(row.label, figure.get_figwidth() / len(rows) - 0.2)
        axes.set_title(f"{name}\n{min(number, MOST)} of {number}, {height}\u00d7{width}")
    scaled = "Each kernel by its own largest weight, over all inputs: grey is 0"
    footer(figure, records, scaled, first_seed(rows), note)
    return figure


def mosaic(kernel: np.ndarray) -> np.ndarray:
    """Kernels (kh, kw, 3, n) as one picture (H, W, 3) in [0, 1], eight in a row, white between.

    The 64 largest in L2 norm, falling. A weight w becomes (1 + w / largest |w| of its kernel) / 2.
    """
    height, width, _, number = kernel.shape
    norms = np.square(kernel).sum((0, 1, 2))
    chosen = np.argsort(-norms, kind="stable")[:MOST]
    largest = np.maximum(np.abs(kernel).max((0, 1, 2)), np.finfo(np.float32).tiny)
    tiles = (0.5 + 0.5 * kernel / largest).clip(0, 1)
    gap = 1 if max(height, width) > 1 else 0
    step = height + gap, width + gap
    shape = (-(-len(chosen) // ACROSS) * step[0] + gap, ACROSS * step[1] + gap, 3)
    picture = np.ones(shape)
    for place, index in enumerate(chosen):
        top, left = gap + place // ACROSS * step[0], gap + place % ACROSS * step[1]
        picture[top : top + height, left : left + width] = tiles[..., index]
    return picture
