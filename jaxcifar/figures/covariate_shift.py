"""Internal covariate shift (after arXiv:1805.11604) during training: of layers, and over depth."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxcifar.core.wording import plural
from jaxcifar.figures.chosen_layers import picked
from jaxcifar.figures.panels import grid, log_where_positive
from jaxcifar.figures.shift_profiles import MOST, QUANTITIES, Profile, bars, cosine_axis, profiles
from jaxcifar.figures.shown_members import Row, leading
from jaxcifar.figures.style import RATES, SERIES, Look, footer, legend, look, styled
from jaxcifar.figures.text import columns_for, whole_numbers
from jaxcifar.records.covariate_shift import Shift
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside

EARLIER = "Gradient of a layer before and after the layers before it, and only they, took {}"
NEXT = EARLIER.format("the next step of training")


def has_shift(records: Records, inside: Inside) -> bool:
    """Whether any member's shift was recorded in training."""
    return any(len(found.step) for found in inside.shift.values())


@styled
def distance_over_training(records: Records, inside: Inside) -> Figure:
    """How far gradients of three layers move, at each probe; a row a learning rate."""
    return _over_training(records, inside, "distance")


@styled
def cosine_over_training(records: Records, inside: Inside) -> Figure:
    """How far they turn, alike."""
    return _over_training(records, inside, "cosine")


def _over_training(records: Records, inside: Inside, field: str) -> Figure:
    there = {name: found for name, found in inside.shift.items() if len(found.step)}
    networks = [found.layers for found in there.values()]
    titles = list(picked(networks[0], networks, skipped=1))
    rates = [lr for lr in records.learning_rates
             if any(records.members[row].id in there for row in records.rows(lr=lr))]  # fmt: skip
    figure, panels = grid(len(rates), len(titles), "training step", QUANTITIES[field], sharey="row")
    drawn: dict[str, Any] = {}
    for row, lr in zip(panels, rates, strict=True):
        for index, series in enumerate(records.series):
            ids = [records.members[each].id for each in records.rows(series, lr)]
            found = [there[name] for name in ids if name in there]
            if found:
                drawn[series] = lines(row, found, networks, field, look(SERIES, index))
        finish(row, field, [f"{title}, learning rate {lr:g}" for title in titles])
    columns = columns_for(list(drawn), figure)
    legend(figure, list(drawn.values()), list(drawn), loc="outside upper center", ncols=columns)
    mean = f"Mean over {records.seeds} seeds" if records.seeds > 1 else ""
    footer(figure, records, NEXT, mean, holes(there.values()))
    return figure


def lines(
    row: Sequence[Axes], found: Sequence[Shift], networks: Sequence[Sequence[str]], field: str,
    shape: Look,
) -> Any:  # fmt: skip
    """One network in a row of panels, the mean over its seeds; returns what the legend shows."""
    names = picked(found[0].layers, networks, skipped=1).values()
    drawn = None
    for axes, name in zip(row, names, strict=False):
        place = found[0].layers.index(name)
        length = min(len(each.step) for each in found)
        y = np.mean([getattr(each, field)[:length, place] for each in found], axis=0)
        (drawn,) = axes.plot(
            found[0].step[:length], y, color=shape.color, linestyle=shape.line,
            marker=shape.marker, markersize=2.5,
        )  # fmt: skip
    return drawn


def finish(row: Sequence[Axes], field: str, titles: Sequence[str]) -> None:
    """Titles, ticks and the range of a row of panels."""
    for axes, title in zip(row, titles, strict=True):
        axes.set_title(title)
        axes.xaxis.set_major_locator(whole_numbers())
    if field == "distance":
        log_where_positive(row)
    else:
        cosine_axis(row)


def holes(found: Iterable[Shift]) -> str:
    """How many distances were not finite, in words."""
    missing = sum(int(np.isnan(each.distance).sum()) for each in found)
    return f"Not finite and left out: {plural(missing, 'distance')}" if missing else ""


@styled
def over_depth(records: Records, inside: Inside) -> Figure:
    """Distances and cosines of all layers that the networks have in common, over the probes."""
    there = {name: found for name, found in inside.shift.items() if len(found.step)}
    rows, note = leading(records, inside, there, MOST)
    drawn = [
        Profile(row.label, there[row.ids[0]].layers, _look(records, row),
             *(np.concatenate([getattr(there[name], field) for name in row.ids])
               for field in QUANTITIES))
        for row in rows
    ]  # fmt: skip
    figure = profiles(drawn)
    seeds = " and seeds" if records.seeds > 1 else ""
    footer(figure, records, f"{NEXT}. {bars(f'probes{seeds}')}", note, holes(there.values()))
    return figure


def _look(records: Records, row: Row) -> Look:
    """The colour of its network, the marker of its learning rate."""
    member = next(member for member in records.members if member.id == row.ids[0])
    shape = look(SERIES, records.series.index(member.series))
    if len(records.learning_rates) == 1:
        return shape
    return shape._replace(marker=look(RATES, records.learning_rates.index(member.lr)).marker)
