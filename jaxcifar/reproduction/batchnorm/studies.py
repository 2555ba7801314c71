"""The studies beside the bands: what each is for, and its runs taken apart by what they compare."""

import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar.core.wording import plural
from jaxcifar.data.dataset import N_TRAIN
from jaxcifar.records.networks import Inside, read_inside
from jaxcifar.report.run_records import Run, read, setting
from jaxcifar.reproduction.batchnorm import measures, published_size
from jaxcifar.reproduction.batchnorm.around import Around
from jaxcifar.reproduction.batchnorm.around import read as read_around
from jaxcifar.reproduction.batchnorm.measures import NAMES, NETWORKS, View

Reference = Mapping[str, Any]


class Kind(NamedTuple):
    """A study: what it is for, the setting it compares, and how it differs from its report's."""

    what: str
    report: str = ""  # whose settings are its published ones; "" = those of the run's own report
    compares: str = ""  # a setting; "" = nothing but networks and rates
    free: tuple[str, ...] = ()  # settings that it varies
    own: Mapping[str, Any] = {}  # settings that it has instead of the report's
    rates: bool = True  # whether its learning rates are the report's


KINDS = {
    "bn_rates": Kind("largest stable learning rate", "R0", own={"train.epochs": 1}, rates=False),
    "bn_init": Kind("two initialisations", "R1", "model.init", ("model.init",)),
    "bn_sgd": Kind("late spikes with SGD beside Adam", "R1", "optim.name",
                   ("optim.name", "optim.momentum"), rates=False),
    "bn_probe": Kind("probes along the gradient"),
}  # fmt: skip
PAPER = "arXiv:1805.11604"


class Study(NamedTuple):
    """A run of one of `KINDS`."""

    kind: str
    run: Run
    parts: Mapping[str, View]  # by the value that is compared; none while it is unfinished
    inside: Inside
    follows: str  # whose settings are its published ones
    odd: tuple[str, ...]  # where it is not at that size
    folder: Path  # its records
    around: Around = Around()  # what was measured at its trained weights

    @property
    def view(self) -> View:
        """The whole of it, its members not told apart by what is compared."""
        return View(self.run, {})

    @property
    def name(self) -> str:
        """The study's name and variant, and the compute type where it is not float32."""
        return self.view.name

    @property
    def slug(self) -> str:
        """The name as part of a file name."""
        return self.view.slug

    @property
    def whole(self) -> View:
        """The only part of a study that compares nothing."""
        (view,) = self.parts.values()
        return view


def read_study(folder: Path, reference: Reference) -> Study:
    """A run folder of one of `KINDS`. Raises: UserError: as `run_records.read`."""
    run = read(folder)
    kind, inside = run.config["study"], read_inside(folder)
    if open_ := run.unfinished:  # half a study measures something else
        odd = f"{len(open_)} of {plural(len(run.entries), 'member')} not finished"
        return Study(kind, run, {}, inside, KINDS[kind].report or PAPER, (odd,), folder)
    compares = KINDS[kind].compares
    values = run.settings(compares) if compares else [""]
    apart = {value: measures.view(_part(run, compares, value)) for value in values}
    follows, unlike = _size(kind, run, reference)
    return Study(kind, run, apart, inside, follows, unlike, folder, read_around(folder))


def _part(run: Run, path: str, value: Any) -> Run:
    """The members that have this value, in series by their network alone.

    A study that compares nothing is one part, its series as they are.
    """
    entries = [e for e in run.entries if not path or setting(e["config"], path) == value]
    networks = {e["id"]: _network(e["config"]) for e in entries}
    rows = [row for row, member in enumerate(run.records.members) if member.id in networks]
    members = tuple(
        member._replace(series=f"VGG-A {networks[member.id]}") if path else member
        for member in (run.records.members[row] for row in rows)
    )
    steps = {field: table[rows] for field, table in run.records.steps.items()}
    records = run.records._replace(members=members, steps=steps)
    return run._replace(config={**run.config, "members": entries}, records=records)


def _network(config: Mapping[str, Any]) -> str:
    norm = setting(config, "model.norm")
    return next(name for network, name in NAMES.items() if NETWORKS[network] == norm)


def _size(kind: str, run: Run, reference: Reference) -> tuple[str, tuple[str, ...]]:
    """Whose settings a run has to have, and where it has not."""
    found, view = KINDS[kind], measures.view(run)
    odd = partial(published_size.departures, view, reference)
    if found.report:
        rates = None if found.rates else ()
        return found.report, odd(found.report, found.own, found.free, rates)
    if run.settings("optim.name") == [reference["landscape"]["vgg"]["optimizer"]]:
        return PAPER, odd("R0", *_of_paper(reference))
    report = published_size.follows(view)
    return report, odd(report)


def _of_paper(reference: Reference) -> tuple[dict[str, Any], tuple[str, ...], list[float]]:
    """What the paper's probes have instead of the first report's settings, and their rate.

    It gives steps, not epochs, and does not say which images validate: here a tenth of them.
    """
    vgg = reference["landscape"]["vgg"]
    share = 0.1
    each = math.ceil(N_TRAIN * (1 - share) / vgg["batch_size"])
    epochs = math.ceil(vgg["steps"] / each)
    own = {"optim.name": vgg["optimizer"], "train.batch_size": vgg["batch_size"],
           "train.epochs": epochs, "data.validation": share, "select_on": "validation"}  # fmt: skip
    return own, (), [vgg["lr"]]
