"""What a finished group reached: every set of weights on the test set, once, and its best epoch."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxcifar import models, programs
from jaxcifar.config.population import MemberRun
from jaxcifar.core.types import Images, Plan, Snapshot, Tree
from jaxcifar.evaluation import group_images, scoring
from jaxcifar.evaluation.scoring import Examined
from jaxcifar.programs import Answers
from jaxcifar.records.formats import described

_AXES = "member, kind"
_BIN = "bin; bin b of 15 holds top softmax probabilities in (b / 15, (b + 1) / 15]"
UNITS = {
    "kinds": "kind: set of weights",
    "classes": "class: name",
    "confusion": f"{_AXES}, true class, predicted class: test images; 0 where weights are lost",
    "bin_count": f"{_AXES}, {_BIN}: test images",
    "bin_correct": f"{_AXES}, {_BIN}: test images classified correctly",
    "bin_confidence": f"{_AXES}, {_BIN}: sum of top probabilities",
}


class Scores(NamedTuple):
    """Of all members on some images: mean losses (M,) in nats, accuracies (M,) in [0, 1]."""

    loss: np.ndarray
    accuracy: np.ndarray


def weight_sets(plan: Plan, snapshot: Snapshot, averaged: Mapping[str, Tree]) -> dict[str, Tree]:
    """All sets of weights of a run that is over, by their kind: last, best, and any averages."""
    last = programs.weights(plan.phases[-1].program, snapshot.state)
    return {"last": last, "best": snapshot.best, **averaged}


def examine(plan: Plan, weights: Mapping[str, Tree], test: Images) -> dict[str, Examined]:
    """Every set of weights on the test images, by kind; equal ones, as of a run whose best step is
    its last, once."""
    program = plan.phases[-1].program
    numbers = programs.place(plan.phases[-1].numbers, program)
    found: dict[str, Examined] = {}
    for kind, tree in weights.items():
        known = next((other for other in found if _equal(tree, weights[other])), None)
        found[kind] = (
            scoring.examine(program, tree, numbers, test, plan.score_batch)
            if known is None
            else found[known]
        )
    return found


def _equal(left: Tree, right: Tree) -> bool:
    """Whether all arrays hold the same finite numbers; asked on the device."""
    return all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), left, right)))


def summarise(
    plan: Plan, members: Sequence[MemberRun], images: group_images.GroupImages, snapshot: Snapshot,
    averaged: Mapping[str, Tree], tested: Mapping[str, Examined],
) -> dict[str, Any]:  # fmt: skip
    """The content of a group's summary.json.

    Args:
        plan: of the run that is over.
        members: its rows.
        images: what was scored at evaluations; averaged weights are, too, now that they are there.
        snapshot: the last.
        averaged: weights by their kind.
        tested: what `examine` gave.
    """
    program = plan.phases[-1].program
    numbers = programs.place(plan.phases[-1].numbers, program)
    drawn = plan.n_step if "val" in images.augmented else None

    def score(tree: Tree) -> Scores:
        on, batch = images.scored["val"], plan.score_batch
        return Scores(*scoring.score(program, tree, numbers, on, batch, augmented_at=drawn))

    selected = {name: score(tree) for name, tree in averaged.items()}
    rows = {
        member.id: _member(plan, member, snapshot, tested, selected, m)
        for m, member in enumerate(members)
    }
    config = members[0].config
    return {"members": rows, "select": config.select, "select_on": config.select_on}


def test_table(
    plan: Plan, classes: Sequence[str], snapshot: Snapshot, tested: Mapping[str, Examined]
) -> dict[str, np.ndarray]:
    """The arrays of a group's test.npz: what `examine` counted of the named classes.

    Counts are 0 where a set of weights is lost.
    """
    lost = np.stack([_lost(snapshot, kind, found) for kind, found in tested.items()], axis=1)
    table = {}
    for name in Answers._fields:
        counted = np.stack([getattr(found.answers, name) for found in tested.values()], axis=1)
        gone = lost.reshape(*lost.shape, *[1] * (counted.ndim - 2))
        dtype = np.float64 if name == "bin_confidence" else np.int32
        table[name] = np.where(gone, 0, counted).astype(dtype)
    return described(plan.members, {"kinds": list(tested), "classes": classes}, UNITS, table)


def _lost(snapshot: Snapshot, kind: str, scores: Scores | Examined) -> np.ndarray:
    """(M,) whose weights of a kind never came to be, are of a diverged run, or give no loss."""
    never = snapshot.book.best_step < 0 if kind == "best" else snapshot.state.bad_step >= 0
    return np.asarray(never) | ~np.isfinite(scores.loss)


def _member(
    plan: Plan, member: MemberRun, snapshot: Snapshot, tested: Mapping[str, Examined],
    selected: Mapping[str, Scores], m: int,
) -> dict[str, Any]:  # fmt: skip
    book, knobs = snapshot.book, dict(plan.phases[0].program.options)
    best, bad = int(book.best_step[m]), int(snapshot.state.bad_step[m])
    seconds, at_best = float(book.seconds[0]), _at_best(snapshot, m)

    def scored(sets: Mapping[str, Any]) -> dict[str, Any]:
        return {
            kind: _score(found, m, _lost(snapshot, kind, found)) for kind, found in sets.items()
        }

    return {
        "select": member.config.select,
        "select_on": member.config.select_on,
        "parameters": models.count_parameters(member.config.model.name, **knobs),
        "best_epoch": plan.epochs_after(best) if best >= 0 else None,
        "best_step": best if best >= 0 else None,
        "diverged_step": bad if bad >= 0 else None,
        "validation": _score(at_best, 0, ~np.isfinite(at_best.loss)),
        **({"validation_of": scored(selected)} if selected else {}),
        "test": scored(tested),
        "seconds": seconds,
        "images_per_second": float(plan.batch_sizes().sum() / seconds),
    }


def _at_best(snapshot: Snapshot, m: int) -> Scores:
    """A member's scores on the selection split at its best evaluation, (1,) each."""
    rows = snapshot.book.rows
    at = np.flatnonzero(rows["step"][m] == snapshot.book.best_step[m])[:1]
    found = (rows[f"val_{name}"][m, at] if at.size else np.full(1, np.nan)
             for name in Scores._fields)  # fmt: skip
    return Scores(*found)


def _score(scores: Scores | Examined, m: int, lost: np.ndarray) -> dict[str, float | None]:
    """A member's scores; None where there is none, as after a divergence."""
    if lost[m]:
        return {"accuracy": None, "loss": None}
    return {"accuracy": float(scores.accuracy[m]), "loss": float(scores.loss[m])}
