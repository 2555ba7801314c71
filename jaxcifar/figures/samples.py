"""Test images and what a network takes them for."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxcifar.figures.shown_members import first_seed, leading
from jaxcifar.figures.style import bare_grid, footer, styled
from jaxcifar.figures.test_set_counts import classes
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside

ACROSS = 4
WRONG, RIGHT = "#D55E00", "0.75"


@styled
def sample_predictions(records: Records, inside: Inside) -> Figure:
    """The first test images: true class, predicted class, its probability; wrong ones framed."""
    rows, note = leading(records, inside, inside.probes, 1)
    found, names = inside.probes[rows[0].ids[0]], classes(inside)
    lines = -(-len(found.sample_labels) // ACROSS)
    figure, grid = bare_grid(lines, ACROSS, 5.0, 1.42 * lines)
    samples = zip(found.sample_images, found.sample_labels, found.sample_probabilities, strict=True)
    for axes, (image, label, probabilities) in zip(grid.flat, samples, strict=False):
        axes.imshow(image, interpolation="nearest")
        guess = int(probabilities.argmax())
        _frame(axes, guess == label)
        mark = "\u2713" if guess == label else "\u2717"
        said = f"{mark} {names[guess]}, {100 * probabilities[guess]:.0f} %"
        axes.set_title(f"true: {names[label]}\n{said}", fontsize=6.5, pad=3,
                       color="0.1" if guess == label else WRONG)  # fmt: skip
    meaning = "\u2713 right, \u2717 wrong (thick frame): predicted class and its probability"
    member = f"Member {rows[0].name}"
    footer(figure, records, member, f"The first test images. {meaning}", first_seed(rows), note)
    return figure


def _frame(axes: Axes, right: bool) -> None:
    axes.spines[:].set(visible=True, color=RIGHT if right else WRONG, linewidth=0.6 if right else 3)
