"""Figures of measures that are compared: those of which the same was asked share them."""

from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from jaxcifar.core.files import given
from jaxcifar.figures.style import save

Draw = Callable[[Sequence[Any]], Figure]
Table = Mapping[str, tuple[Draw, Callable[..., bool]]]
"""How files end -> what draws them, and whether there is what it needs."""


def drawable(table: Table, found: Sequence[Any]) -> Mapping[str, Draw]:
    """What draws the figures of those for which there is what they need, by how files end."""
    return {end: draw for end, (draw, there) in table.items() if there(found)}


def save_all(
    workdir: Path | str, groups: Mapping[str, Sequence[Any]],
    draws: Callable[[Sequence[Any]], Mapping[str, Draw]], names: Container[str] | None = None,
) -> list[Path]:  # fmt: skip
    """Draw groups to ``figures/NAME-END.png`` and ``.svg``; returns the files written.

    Args:
        workdir: a run folder.
        groups: what is compared, by the group's name.
        draws: a group -> what draws its figures, by how files end.
        names: which groups; None = all.
    """
    place, files = given(workdir) / "figures", list[Path]()
    for name, found in groups.items():
        if names is None or name in names:
            for end, draw in draws(found).items():
                files += save(draw(found), place / f"{name}-{end}")
    return files
