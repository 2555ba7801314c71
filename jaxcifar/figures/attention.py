"""Where CANet's spatial attention looks: its maps beside the images."""

import numpy as np
from matplotlib.figure import Figure

from jaxcifar.figures.shown_members import first_seed, leading
from jaxcifar.figures.style import PAGE, bare_grid, footer, styled
from jaxcifar.figures.test_set_counts import classes
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside

SAMPLES = 6


@styled
def attention_maps(records: Records, inside: Inside) -> Figure:
    """The first sample images, a row each, and beside them the map of every attention layer."""
    probed = inside.probed("attention")
    rows, note = leading(records, inside, probed, 1)
    found, names = probed[rows[0].ids[0]], classes(inside)
    maps = np.asarray(found.attention)[:, :SAMPLES]
    across = 1 + len(maps)
    figure, grid = bare_grid(maps.shape[1], across, PAGE, 0.3 + PAGE / across * maps.shape[1])
    for line, image, label in zip(grid, found.sample_images, found.sample_labels, strict=False):
        line[0].imshow(image)
        line[0].set_ylabel(names[label], fontsize=7)
    grid[0, 0].set_title("image", fontsize=7)
    for column, name, layer in zip(grid.T[1:], found.attention_names, maps, strict=True):
        low, high = float(layer.min()), float(layer.max())
        column[0].set_title(f"{name}\n{low:.2f} to {high:.2f}", fontsize=7)
        for axes, values in zip(column, layer, strict=True):
            axes.imshow(values, cmap="cividis", vmin=low, vmax=high, interpolation="nearest")
    scale = ("Dark: the smallest, bright: the largest value of a column, named above it; maps of "
             "smaller layers are drawn as large as the image")  # fmt: skip
    footer(figure, records, f"Member {rows[0].name}, test images", scale, first_seed(rows), note)
    return figure
