"""Reading what a run's groups recorded inside their networks.

Each of test.npz, histograms.npz, probes.npz, step_probes.npz, covariate_shift.npz and
activations.npz is optional: a run without it has an empty mapping. Arrays are those of the files,
taken apart by member.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from jaxcifar.core.files import given
from jaxcifar.records import activations, covariate_shift, step_probes
from jaxcifar.records.activations import Activations
from jaxcifar.records.covariate_shift import Shift
from jaxcifar.records.formats import read_file, read_json, read_table
from jaxcifar.records.step_probes import StepProbes

Array = np.ndarray
Part = TypeVar("Part")


class Scored(NamedTuple):
    """Counts on the test set, an entry a set of weights: K of them, B bins of confidence."""

    kinds: tuple[str, ...]  # "best", "last", "swa", "ema"
    classes: tuple[str, ...]
    confusion: Array  # (K, C, C) [true, predicted]; all 0 where the weights are lost
    bin_count: Array  # (K, B) images whose top probability lies in the bin
    bin_correct: Array  # (K, B) how many of them were classified correctly
    bin_confidence: Array  # (K, B) sum of their top probabilities


class Histograms(NamedTuple):
    """Weights of L kernels at E evaluations, in bins of equal width between `low` and `high`."""

    leaves: tuple[str, ...]
    epochs: Array  # (E,) the first, 0, before training
    counts: Array  # (E, L, bins)
    low: Array  # (E, L) the smallest weight
    high: Array  # (E, L) the largest
    mean: Array  # (E, L)
    std: Array  # (E, L)


class Probes(NamedTuple):
    """A trained network looked into; D layers in the order they run, S sample images.

    `filters`, `attention` and `singular_values` are None where a network has none.
    """

    layers: tuple[str, ...]
    initial_rms: Array  # (D,) of the outputs, before training
    final_rms: Array  # (D,)
    initial_dead: Array  # (D,) share of channels that are never above 0
    final_dead: Array  # (D,)
    sample_images: Array  # (S, 32, 32, 3) uint8
    sample_labels: Array  # (S,)
    sample_probabilities: Array  # (S, C)
    filters: Array | None = None  # (kh, kw, cin, cout)
    attention: Array | None = None  # (A, S, h, w) in (0, 1)
    attention_names: tuple[str, ...] = ()
    singular_values: Array | None = None  # (A2, R), falling, NaN after the last
    singular_names: tuple[str, ...] = ()


class Inside(NamedTuple):
    """All of it by member id, and the members' rows of summary.json."""

    scored: Mapping[str, Scored]
    histograms: Mapping[str, Histograms]
    probes: Mapping[str, Probes]
    summary: Mapping[str, Mapping[str, Any]]
    step_probes: Mapping[str, StepProbes] = MappingProxyType({})  # along the gradient
    shift: Mapping[str, Shift] = MappingProxyType({})  # of layers' gradients, during training
    activations: Mapping[str, Activations] = MappingProxyType({})  # during training

    def probed(self, field: str) -> dict[str, Probes]:
        """The members whose networks have this."""
        return {name: p for name, p in self.probes.items() if getattr(p, field) is not None}


def read_inside(workdir: Path | str) -> Inside:
    """Read the optional files of every group of a run folder, and its summary.json.

    Raises:
        UserError: a file cannot be read, or does not hold what it should.
    """
    folder = given(workdir)
    return Inside(
        scored=_of_groups(folder, "test.npz", _scored),
        histograms=_of_groups(folder, "histograms.npz", _histograms),
        probes=_of_groups(folder, "probes.npz", _probes),
        summary=finished_members(folder / "summary.json"),
        step_probes=_of_groups(folder, step_probes.FILE, step_probes.of_member),
        shift=_of_groups(folder, covariate_shift.FILE, covariate_shift.of_member),
        activations=_of_groups(folder, activations.FILE, activations.of_member),
    )


def finished_members(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """The members' rows of a summary.json; none where there is no file yet."""

    def rows(path: Path) -> Mapping[str, Mapping[str, Any]]:
        return dict((read_json(path) or {"members": {}})["members"])

    return read_file(path, rows) if path.exists() else {}


def _of_groups(
    folder: Path, name: str, part_of: Callable[[Mapping[str, Array], int], Part]
) -> dict[str, Part]:
    def members_of(path: Path) -> dict[str, Part]:
        table = read_table(path, needed=True)
        return {str(member): part_of(table, row) for row, member in enumerate(table["members"])}

    found: dict[str, Part] = {}
    for path in sorted((folder / "groups").glob(f"*/{name}")):
        found |= read_file(path, members_of)
    return found


def _scored(table: Mapping[str, Array], row: int) -> Scored:
    arrays = {field: table[field][row] for field in Scored._fields[2:]}
    return Scored(_words(table["kinds"]), _words(table["classes"]), **arrays)


def _histograms(table: Mapping[str, Array], row: int) -> Histograms:
    arrays = {field: table[field][row] for field in Histograms._fields[2:]}
    return Histograms(_words(table["leaves"]), table["epochs"], **arrays)


def _probes(table: Mapping[str, Array], row: int) -> Probes:
    each = ("initial_rms", "final_rms", "initial_dead", "final_dead", "sample_probabilities")
    some = ("filters", "attention", "singular_values")
    arrays: dict[str, Any] = {field: table[field][row] for field in each}
    arrays |= {field: table[field][row] for field in some if field in table}
    arrays |= {field: table[field] for field in ("sample_images", "sample_labels")}
    names = ("attention_names", "singular_names")
    arrays |= {field: _words(table[field]) for field in names if field in table}
    return Probes(layers=_words(table["layers"]), **arrays)


def _words(values: Array) -> tuple[str, ...]:
    return tuple(map(str, values))
