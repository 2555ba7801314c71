"""Numbers that others recorded, as data: what stands beside ours.

A file a study, with the names, units and sources of its numbers inside.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Curve(NamedTuple):
    """What was recorded at some epochs: `epochs` (E,) from 1 and `values` (..., E)."""

    epochs: np.ndarray
    values: np.ndarray

    def until(self, epoch: float) -> "Curve":
        """The part that ends with an epoch."""
        copy_records = self.epochs <= epoch
        return Curve(self.epochs[copy_records], self.values[..., copy_records])


@cache
def load(name: str) -> Mapping[str, Any]:
    """The content of a reference file, by the study's name."""
    text = Path(__file__).with_name(f"{name}.json").read_text()
    content: Mapping[str, Any] = json.loads(text)
    return content


def curve(report: Mapping[str, Any], what: str, part: str) -> Curve | None:
    """A part's curve of a recorded quantity; None where the report has none.

    The parts of a quantity share its epochs, or bring their own.
    """
    table = report.get(what, {})
    if part not in table:
        return None
    own = table[part] if isinstance(table[part], Mapping) else {**table, "values": table[part]}
    return Curve(np.array(own["epochs"], float), np.array(own["values"], float))
