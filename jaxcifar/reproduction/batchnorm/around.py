"""What was measured around a study's trained weights: loss surfaces and curvature."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from jaxcifar.core.wording import DASH
from jaxcifar.figures import landscapes as drawn
from jaxcifar.figures import surface_words
from jaxcifar.records import hessians, landscapes
from jaxcifar.records.hessians import Hessian
from jaxcifar.records.landscapes import Landscape
from jaxcifar.report import captions
from jaxcifar.report.blocks import Block, Column, Paragraph, Table

NEAR = 1.0  # nats above the loss at the weights
LEFT_OUT = "-contour"  # the filled contours show as much


class Around(NamedTuple):
    """What a run folder holds of it, in the study's order."""

    surfaces: tuple[Landscape, ...] = ()
    curvature: tuple[Hessian, ...] = ()


def read(folder: Path) -> Around:
    """The records of a run folder that are whole. Raises: UserError: a damaged one."""
    slices = [each for group in landscapes.compared(folder).values() for each in group]
    curved = [each for group in hessians.compared(folder).values() for each in group]
    return Around(tuple(each for each in slices if each.kind == "surface"), tuple(curved))


def figures(folder: Path) -> Iterator[tuple[str, Callable[[], Figure], str]]:
    """The figures of all of it: a file's name, what draws it, and its caption."""
    for name, draw in drawn.rows(folder):
        if not name.endswith(LEFT_OUT):
            yield name, draw, captions.caption(name, "", "")


def section(found: Around) -> list[Block]:
    """Tables of it; nothing where nothing was measured."""
    blocks: list[Block] = []
    if found.surfaces:
        blocks += [
            Paragraph("Around the trained weights: the loss over the plane of two random "
                      "directions, filter-normalised (arXiv:1712.09913), from -1 to 1."),
            _surfaces(found.surfaces),
            Paragraph(f"{surface_words.measured([each.about for each in found.surfaces])}. "
                      f"Near: points of the plane whose loss is at most {NEAR:g} nat above that "
                      "at the weights.", "note"),
        ]  # fmt: skip
    if found.curvature:
        blocks += [
            Paragraph("Curvature there: eigenvalues of the loss's second derivative."),
            _curvature(found.curvature),
            Paragraph(f"{surface_words.measured([each.about for each in found.curvature])}. "
                      "In nats per squared unit of weight. Trace: Hutchinson's estimate with its "
                      "standard error.", "note"),
        ]  # fmt: skip
    return blocks


def _surfaces(found: Sequence[Landscape]) -> Table:
    titles = ("At the weights (nats)", "Lowest", "Highest", "Near (% of the plane)", "Not finite")
    rows = []
    for each in found:
        centre = tuple(int(np.argmin(np.abs(axis))) for axis in (each.a, each.b))
        loss, at = each.loss, each.loss[centre]
        near = 100 * np.mean(loss <= at + NEAR)
        numbers = (f"{at:.3f}", f"{np.nanmin(loss):.3f}", f"{np.nanmax(loss):.3g}", f"{near:.1f}")
        rows.append((str(each.about["name"]), *numbers, str(each.holes)))
    return Table((Column("Member", numeric=False), *map(Column, titles)), tuple(rows))


def _curvature(found: Sequence[Hessian]) -> Table:
    titles = ("Largest", "Second", "Smallest seen", "Trace", "Parameters")
    rows = []
    for each in found:
        top = [f"{value:.4g}" for value in each.eigenvalues[:2]] + [DASH] * 2
        low = f"{each.lowest[0]:.3g}" if each.lowest.size else DASH
        trace = f"{each.trace:.4g} ± {each.trace_error:.3g}" if each.trace_samples.size else DASH
        who = f"{each.about['name']}, {each.about['which']}"
        rows.append((who, *top[:2], low, trace, f"{each.parameters:,}"))
    return Table((Column("Member and weights", numeric=False), *map(Column, titles)), tuple(rows))
