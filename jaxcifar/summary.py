"""What a finished group reached: every set of weights on the test set, once, and its best epoch."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxcifar import engine, models, programs, scoring
from jaxcifar.bookkeeping import batch_sizes
from jaxcifar.population import MemberRun
from jaxcifar.types import Images, Plan, Snapshot, Tree


class Scores(NamedTuple):
    """Of all members on some images: mean losses (M,) in nats, accuracies (M,) in [0, 1]."""

    loss: np.ndarray
    accuracy: np.ndarray


def summarise(
    plan: Plan, members: Sequence[MemberRun], images: engine.GroupData, test: Images,
    snapshot: Snapshot, averaged: Mapping[str, Tree],
) -> dict[str, Any]:  # fmt: skip
    """The content of a group's summary.json.

    Args:
        plan: of the run that is over.
        members: its rows.
        images: what was scored at evaluations; averaged weights are, too, now that they are there.
        test: the test images, on the devices.
        snapshot: the last.
        averaged: weights by their kind.
    """
    program = plan.phases[-1].program
    numbers = programs.place(plan.phases[-1].numbers, program)

    def score(tree: Tree, on: Images, drawn: int | None = None) -> Scores:
        batch = plan.score_batch
        return Scores(*scoring.score(program, tree, numbers, on, batch, augmented_at=drawn))

    weights = {"last": engine.weights(program, snapshot.state), "best": snapshot.best, **averaged}
    tested = {name: score(tree, test) for name, tree in weights.items()}
    drawn = plan.n_step if "val" in images.augmented else None
    selected = {name: score(tree, images.scored["val"], drawn) for name, tree in averaged.items()}
    rows = {
        member.id: _member(plan, member, snapshot, tested, selected, m)
        for m, member in enumerate(members)
    }
    config = members[0].config
    return {"members": rows, "select": config.select, "select_on": config.select_on}


def _member(
    plan: Plan, member: MemberRun, snapshot: Snapshot, tested: Mapping[str, Scores],
    selected: Mapping[str, Scores], m: int,
) -> dict[str, Any]:  # fmt: skip
    book, knobs = snapshot.book, dict(plan.phases[0].program.options)
    best, bad = int(book.best_step[m]), int(snapshot.state.bad_step[m])
    seconds = float(book.seconds[0])
    lost = {name for name in tested if (best < 0 if name == "best" else bad >= 0)}
    also = {name: _score(scores, m, name in lost) for name, scores in selected.items()}
    return {
        "parameters": models.count_parameters(member.config.model.name, **knobs),
        "best_epoch": plan.epochs_after(best) if best >= 0 else None,
        "best_step": best if best >= 0 else None,
        "diverged_step": bad if bad >= 0 else None,
        "validation": _score(_at_best(snapshot, m), 0),
        **({"validation_of": also} if also else {}),
        "test": {name: _score(scores, m, name in lost) for name, scores in tested.items()},
        "seconds": seconds,
        "images_per_second": float(batch_sizes(plan).sum() / seconds),
    }


def _at_best(snapshot: Snapshot, m: int) -> Scores:
    """A member's scores on the selection split at its best evaluation, (1,) each."""
    rows = snapshot.book.rows
    at = np.flatnonzero(rows["step"][m] == snapshot.book.best_step[m])[:1]
    found = (rows[f"val_{name}"][m, at] if at.size else np.full(1, np.nan)
             for name in Scores._fields)  # fmt: skip
    return Scores(*found)


def _score(scores: Scores, m: int, lost: bool = False) -> dict[str, float | None]:
    """A member's scores; None where there is none, as after a divergence."""
    if lost or not np.isfinite(scores.loss[m]):
        return {"accuracy": None, "loss": None}
    return {"accuracy": float(scores.accuracy[m]), "loss": float(scores.loss[m])}
