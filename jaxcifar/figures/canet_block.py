"""A drawing of CANet's block, after the network's definition: no data."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from jaxcifar.figures.style import PAGE, bare_grid, styled
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside

FILL = {"conv": "#D6E6F2", "plain": "#F2F2F2", "norm": "#FBEACB", "gate": "#D9EFE6"}
INK = "0.25"
A, B, DOWN, MIDDLE = 3.0, 1.6, 0.5, 2.3  # heights of the paths, the shortcut and what joins them
FORK, TAP, GATE, SUM = 0.3, 6.62, 10.15, 10.95  # where x parts, a or b parts, the circles stand
RADIUS = 0.22  # of the circles


class Box(NamedTuple):
    """A step: the middle of its box, what it does, and which kind it is."""

    x: float
    text: str
    kind: str
    width: float = 0.84
    height: float = 0.7


def has_canet(records: Records, _: Inside) -> bool:
    """Whether a member of the study is a CANet."""
    return any(member.model.startswith("canet") for member in records.members)


@styled
def block_diagram() -> Figure:
    """CANet's attention-residual block: two paths, their gates, the shortcut, their parts."""
    figure, grid = bare_grid(1, 1, PAGE, 4.0)
    axes = grid[0, 0]
    axes.set(xlim=(-0.3, 13.9), ylim=(-3.85, 3.95), aspect="equal")
    axes.set_title("out = ReLU(BN3(U(SA(a)) \u00b7 a + U(SE(b)) \u00b7 b + down(x)))")
    axes.text(-0.1, MIDDLE, "x", ha="center", va="center", fontsize=9, style="italic")
    _line(axes, [(0.05, MIDDLE), (FORK, MIDDLE)], arrow=False)
    _path(axes, A, ("conv1", "conv2", "BN1", "SA"), "a", around=A + 0.75)
    _path(axes, B, ("conv3", "conv4", "BN2", "SE"), "b", around=B - 0.62)
    _box(axes, MIDDLE, Box(8.9, "U\nshared", "gate", 0.8, 2.2))
    _shortcut(axes)
    _tail(axes)
    _parts(axes)
    axes.text(-0.1, -3.75, "s: stride 1 or 2;  k: 7, 5 or 3;  C: channels of the block", fontsize=6)
    return figure


def _path(axes: Axes, y: float, names: Sequence[str], result: str, around: float) -> None:
    """Two convolutions, attention and the unit transform; then the product with the path itself."""
    first, second, norm, attention = names
    _line(axes, [(FORK, MIDDLE), (FORK, y), (0.93, y)])
    _chain(axes, y, [
        Box(1.35, f"{first}\n3\u00d73", "conv"), Box(2.5, "ReLU", "plain"),
        Box(3.65, f"{second}\n3\u00d73, /s", "conv"), Box(4.8, norm, "norm"),
        Box(5.85, "ReLU", "plain"), Box(7.55, attention, "gate"),
    ])  # fmt: skip
    axes.text(TAP - 0.07, y + 0.08, result, ha="right", va="bottom", fontsize=8, style="italic")
    _line(axes, [(7.97, y), (8.5, y)])
    _line(axes, [(9.3, y), (GATE - RADIUS, y)])
    _circle(axes, GATE, y, "\u00d7")
    edge = y + RADIUS if around > y else y - RADIUS
    _line(axes, [(TAP, y), (TAP, around), (GATE, around), (GATE, edge)])


def _shortcut(axes: Axes) -> None:
    _line(axes, [(FORK, MIDDLE), (FORK, DOWN), (2.93, DOWN)])
    down = Box(3.85, "down: conv 3\u00d73,\nor 2\u00d72 where s = 2", "conv", 1.84)
    _chain(axes, DOWN, [down, Box(5.85, "BN", "norm")])
    _line(axes, [(6.27, DOWN), (SUM, DOWN), (SUM, MIDDLE - RADIUS)])


def _tail(axes: Axes) -> None:
    """The sum of both gated paths and the shortcut, and what follows."""
    _line(axes, [(GATE + RADIUS, A), (SUM, A), (SUM, MIDDLE + RADIUS)])
    _line(axes, [(GATE + RADIUS, B), (10.55, B), (10.55, MIDDLE), (SUM - RADIUS, MIDDLE)])
    _circle(axes, SUM, MIDDLE, "+")
    _line(axes, [(SUM + RADIUS, MIDDLE), (11.43, MIDDLE)])
    _chain(axes, MIDDLE, [Box(11.85, "BN3", "norm"), Box(12.95, "ReLU", "plain")])
    _line(axes, [(13.37, MIDDLE), (13.75, MIDDLE)])


def _parts(axes: Axes) -> None:
    """What SA, SE and U are, a line each below the block."""
    mixed = "w\u2083 conv\u2083 + w\u2085 conv\u2085 + w\u2087 conv\u2087\nalong channels"
    lines = (
        ("SA", ("mean and max\nover channels", "plain"), ("conv k\u00d7k\n2\u21921", "conv"),
         "map (H, W)"),
        ("SE", ("mean over\nplaces", "plain"), (mixed, "conv"), "weights (C)"),
        ("U", ("conv 1\u00d71\nC\u2192C/2", "conv"), ("ReLU, conv 1\u00d71\nC/2\u2192C", "conv"),
         "gates (H, W, C)"),
    )  # fmt: skip
    for place, (name, first, second, gives) in enumerate(lines):
        y = -0.85 - 1.1 * place
        axes.text(-0.1, y, f"{name}:", ha="left", va="center", fontsize=8, weight="bold")
        _line(axes, [(0.65, y), (1.35, y)])
        _chain(axes, y, [Box(2.2, *first, 1.7), Box(5.2, *second, 2.9),
                         Box(8.05, "sigmoid", "plain", 1.1)])  # fmt: skip
        axes.text(9.65, y + 0.08, gives, ha="center", va="bottom", fontsize=6)
        _multiplied(axes, y) if name != "U" else _line(axes, [(8.6, y), (12.4, y)])


def _multiplied(axes: Axes, y: float) -> None:
    """What an attention gives times what went in."""
    _line(axes, [(8.6, y), (SUM - RADIUS, y)])
    _circle(axes, SUM, y, "\u00d7")
    _line(axes, [(0.9, y), (0.9, y - 0.5), (SUM, y - 0.5), (SUM, y - RADIUS)])
    _line(axes, [(SUM + RADIUS, y), (12.4, y)])


def _chain(axes: Axes, y: float, boxes: Sequence[Box]) -> None:
    """Boxes at one height with arrows between them."""
    for box in boxes:
        _box(axes, y, box)
    for box, after in zip(boxes, boxes[1:], strict=False):
        _line(axes, [(box.x + box.width / 2, y), (after.x - after.width / 2, y)])


def _box(axes: Axes, y: float, box: Box) -> None:
    corner = box.x - box.width / 2, y - box.height / 2
    axes.add_patch(FancyBboxPatch(
        corner, box.width, box.height, boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=FILL[box.kind], edgecolor=INK, linewidth=0.6, zorder=3,
    ))  # fmt: skip
    axes.text(box.x, y, box.text, ha="center", va="center", fontsize=5.5, zorder=4)


def _circle(axes: Axes, x: float, y: float, text: str) -> None:
    axes.plot(x, y, marker="o", markersize=10, color="white", markeredgecolor=INK,
              markeredgewidth=0.6, zorder=3)  # fmt: skip
    axes.text(x, y, text, ha="center", va="center_baseline", fontsize=8, zorder=4)


def _line(axes: Axes, points: Sequence[tuple[float, float]], arrow: bool = True) -> None:
    """A line along the points, with a head at the last."""
    axes.plot(*zip(*points, strict=True), color=INK, linewidth=0.7, zorder=2,
              solid_joinstyle="miter")  # fmt: skip
    if arrow:
        head = "-|>,head_width=0.12,head_length=0.25"
        style = {"arrowstyle": head, "color": INK, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", points[-1], points[-2], zorder=5, arrowprops=style)
