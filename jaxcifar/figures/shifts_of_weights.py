"""Covariate shift at weights that stay: over the layers, and along kept checkpoints."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxcifar.core.files import given
from jaxcifar.figures.chosen_layers import picked
from jaxcifar.figures.covariate_shift import EARLIER, finish, holes, lines
from jaxcifar.figures.groups import Table, drawable, save_all
from jaxcifar.figures.panels import below, grid
from jaxcifar.figures.shift_profiles import MOST, QUANTITIES, Profile, bars, profiles
from jaxcifar.figures.style import SERIES, Look, legend, look, styled
from jaxcifar.figures.surface_words import measured
from jaxcifar.figures.text import columns_for
from jaxcifar.records import covariate_shift
from jaxcifar.records.covariate_shift import Shift
from jaxcifar.records.of_weights import step_of


@styled
def of_weights(found: Sequence[Shift]) -> Figure:
    """Distances and cosines of all layers over the batches, of weights that stay."""
    shown, note = _shown(found)
    members, kinds = (list(dict.fromkeys(str(each.about[key]) for each in shown))
                      for key in ("name", "which"))  # fmt: skip
    drawn = []
    for each in shown:
        name, which = str(each.about["name"]), str(each.about["which"])
        shape = look(SERIES, members.index(name))  # a colour a member, a marker a kind of weights
        if len(kinds) > 1:
            shape = shape._replace(marker=look(SERIES, kinds.index(which)).marker)
            name = f"{name}, {which}"
        drawn.append(Profile(name, each.layers, shape, each.distance, each.cosine))
    return below(profiles(drawn), [*_told(shown), bars("batches"), note, holes(shown)])


def _shown(found: Sequence[Shift]) -> tuple[Sequence[Shift], str]:
    """As many as fit, and what there is to say of the others."""
    if len(found) <= MOST:
        return found, ""
    last = list({each.about["name"]: each for each in found}.values())
    more = f" of the first {MOST} members" if len(last) > MOST else " of each member"
    return last[:MOST], f"Drawn: the last weights{more}"


@styled
def along_training(found: Sequence[Shift]) -> Figure:
    """Distances and cosines of three layers at kept steps, means over the batches."""
    rows = [each for each in found if step_of(each) >= 0]
    networks = [each.layers for each in rows]
    titles = list(picked(networks[0], networks, skipped=1))
    figure, panels = grid(2, len(titles), "training step", "", sharey="row")
    drawn: dict[str, Any] = {}
    members = list(dict.fromkeys(str(each.about["name"]) for each in rows))
    for (field, label), row in zip(QUANTITIES.items(), panels, strict=True):
        row[0].set_ylabel(label)
        for index, name in enumerate(members):
            mine = [each for each in rows if each.about["name"] == name]
            drawn[name] = _at_steps(row, mine, networks, field, look(SERIES, index))
        finish(row, field, titles)
    columns = columns_for(list(drawn), figure)
    legend(figure, list(drawn.values()), list(drawn), loc="outside upper center", ncols=columns)
    return below(figure, [*_told(rows, which=False), "Means over batches", holes(rows)])


def _at_steps(
    row: Sequence[Axes], mine: Sequence[Shift], networks: Sequence[Sequence[str]], field: str,
    shape: Look,
) -> Any:  # fmt: skip
    steps = np.array([step_of(each) for each in mine])
    means = np.stack([_over_batches(getattr(each, field)) for each in mine])
    empty = np.full(means.shape, np.nan)
    joined = Shift(mine[0].layers, steps, empty, means, means)
    return lines(row, [joined], networks, field, shape)


def _over_batches(values: np.ndarray) -> np.ndarray:
    """(L,) means of what is known of (n, L)."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(axis=0)
    return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def _told(found: Sequence[Shift], which: bool = True) -> list[str]:
    size = f"a step of {found[0].about['size']:g} along their gradients"
    return [measured([each.about for each in found], which), EARLIER.format(size)]


def _several_steps(found: Sequence[Shift]) -> bool:
    return len({step_of(each) for each in found} - {-1}) > 1


FIGURES: Table = {
    "layers": (of_weights, bool),
    "training": (along_training, _several_steps),
}


def draw_all(workdir: Path | str, names: Sequence[str] | None = None) -> list[Path]:
    """Draw the shifts of weights that stay to ``figures/NAME-layers.png``, ``-training.png``, ...

    All of which the same was asked share a figure and its axes.

    Args:
        workdir: a run folder.
        names: which, see `covariate_shift.group_name`; None = all.

    Returns: the files written. The same records give the same bytes.

    Raises: UserError: no run folder, or a damaged record.
    """
    groups = covariate_shift.compared(given(workdir))
    return save_all(workdir, groups, partial(drawable, FIGURES), names)
