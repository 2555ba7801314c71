"""Counts on the test set, of the weights that a study reports. NumPy only."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxcifar.records.calibration import expected_calibration_error
from jaxcifar.records.curves import Records
from jaxcifar.records.networks import Inside

Array = np.ndarray


class Counts(NamedTuple):
    """Images by true and predicted class, and by the probability of the predicted class."""

    confusion: Array  # (C, C) [true, predicted]
    bin_count: Array  # (B,)
    bin_correct: Array  # (B,)
    bin_confidence: Array  # (B,) sum of probabilities

    @property
    def accuracy(self) -> float:
        """Share of all images that were classified correctly."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def shares(self) -> Array:
        """(C, C) float64: of the images of a class, the share that each prediction got."""
        return self.confusion / np.maximum(self.confusion.sum(1, keepdims=True), 1)

    @property
    def calibration_error(self) -> float:
        """Expected calibration error, a fraction."""
        return expected_calibration_error(self.bin_count, self.bin_correct, self.bin_confidence)


def counts_of(records: Records, inside: Inside) -> dict[str, Counts]:
    """By member, of the weights its study reports (the first scored if not these).

    Members whose weights are lost are left out.
    """
    found = {}
    for member in records.members:
        if member.id in inside.scored:
            scored = inside.scored[member.id]
            kind = scored.kinds.index(member.select) if member.select in scored.kinds else 0
            counts = Counts(*(getattr(scored, field)[kind] for field in Counts._fields))
            if counts.confusion.any():
                found[member.id] = counts
    return found


def over_seeds(counts: Mapping[str, Counts], ids: Iterable[str]) -> Counts:
    """The sum of these members' counts."""
    return Counts(*(np.sum(part, axis=0) for part in zip(*map(counts.get, ids), strict=True)))


def classes(inside: Inside) -> tuple[str, ...]:
    """Names of the classes, or their numbers where no file names them."""
    names = (scored.classes for scored in inside.scored.values())
    return next(names, tuple(map(str, range(10))))


def what_is_counted(records: Records, ids: Sequence[str]) -> str:
    """Whose weights, and whether counts are sums over seeds; for the footer of a figure."""
    kinds = dict.fromkeys(member.select for member in records.members if member.id in ids)
    seeds = "; counts summed over seeds" if records.seeds > 1 else ""
    chosen = " (chosen on the test set)" if "best" in kinds and records.select_on == "test" else ""
    return f"Test set, {' / '.join(kinds)} weights{chosen}{seeds}"
