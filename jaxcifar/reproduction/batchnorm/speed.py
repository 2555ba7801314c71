"""How fast a run trained: wall time, images a second, and against its members one by one."""

from collections.abc import Mapping, Sequence

import numpy as np

from jaxcifar.core.wording import DASH, known, number
from jaxcifar.report.blocks import Column, Table
from jaxcifar.report.run_records import images
from jaxcifar.reproduction.batchnorm.measures import NAMES, NETWORKS, View
from jaxcifar.reproduction.batchnorm.tables import compact

Alone = Mapping[str, float]  # network -> images a second of one member trained by itself


def steady_rate(seconds: Sequence[float], images_per_epoch: float) -> float:
    """Images a second from the second epoch on, so without compilation; NaN for one epoch.

    `seconds` since the start, one a whole epoch; evaluations and saving are within.
    """
    if len(seconds) < 2 or not known(seconds[-1]):
        return np.nan
    return images_per_epoch * (len(seconds) - 1) / (seconds[-1] - seconds[0])


def table(view: View, alone: Alone) -> Table:
    """Members, seconds and images a second of both networks and of the study."""
    columns = (
        Column("Network", numeric=False), Column("Members"), Column("Seconds"),
        Column("Images/s"), Column("Images/s from epoch 2 on"),
        Column("Images/s, one member alone"), Column("Ratio to one after another"),
    )  # fmt: skip
    rows, wall, whole = [], 0.0, 0.0
    for network in NETWORKS:
        ids = [view.run.records.members[row].id for row in _rows(view, network)]
        seconds, trained = _trained(view, ids)
        wall, whole = wall + seconds, whole + trained
        steady, one = _steady(view, ids), alone.get(network)
        ratio = steady / one if one and known(steady) else None
        rows.append((NAMES[network], str(len(ids)), number(seconds or None, 1),
                     number(trained / seconds if seconds else None), number(steady),
                     number(one), number(ratio, 2)))  # fmt: skip
    total = whole / wall if wall else None
    count = str(len(view.run.records.members))
    rows.append(("both", count, number(wall or None, 1), number(total), DASH, DASH, DASH))
    return compact(Table(columns, tuple(rows)))


def _rows(view: View, network: str) -> list[int]:
    return [row for (name, *_), row in view.cells.items() if name == network]


def _trained(view: View, ids: Sequence[str]) -> tuple[float, float]:
    """Wall seconds of these members' groups, and the images they trained on; 0 if unfinished."""
    rows = [view.run.summary[name] for name in ids if name in view.run.summary]
    groups = {row["seconds"] for row in rows}  # members of a group share the clock
    return sum(groups), sum(row["images_per_second"] * row["seconds"] for row in rows)


def _steady(view: View, ids: Sequence[str]) -> float:
    """Of members that train as one group; NaN where they do not."""
    clocks = {
        tuple(view.run.records.evaluations.get(name, {}).get("seconds", np.empty(0)))
        for name in ids
    }
    sizes = [images(entry["config"]) for entry in view.run.entries if entry["id"] == ids[0]]
    if len(clocks) != 1 or not sizes[0]:
        return np.nan
    return steady_rate(clocks.pop(), len(ids) * sizes[0].train)
