"""Reduce on plateau: the one schedule that measured values move."""

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray


class PlateauState(NamedTuple):
    """What reduce-on-plateau remembers, one float64 entry a member: plain arrays to checkpoint."""

    best: Array
    bad: Array
    cooldown: Array
    rate: Array


def plateau_init(lr0: Array) -> PlateauState:
    """The state before the first observation: nothing seen, the initial rates (M,) in force."""
    rate = np.array(lr0, np.float64)
    zero = np.zeros_like(rate)
    return PlateauState(best=np.full_like(rate, np.inf), bad=zero, cooldown=zero, rate=rate)


def plateau_step(
    state: PlateauState,
    metric: Array,
    *,
    factor: Any,
    patience: Any,
    threshold: Any,
    threshold_mode: Any,
    cooldown: Any,
    min_lr: Any,
) -> PlateauState:
    """One observation by the rules of PyTorch's ReduceLROnPlateau in mode "min".

    Better means below ``best * (1 - threshold)`` ("rel") or ``best - threshold`` ("abs"); NaN is
    not better. More than `patience` observations in a row that are not better multiply the rate
    by `factor`, not below `min_lr`; changes of 1e-8 or less are not made. During the `cooldown`
    observations after that none counts as bad. Every option is one value or one a member.

    Args:
        state: of (M,) members.
        metric: (M,) float64.
    """
    relative = np.asarray(threshold_mode) == "rel"
    share, distance = np.where(relative, threshold, 0.0), np.where(relative, 0.0, threshold)
    better = metric < state.best * (1 - share) - distance
    cooling = state.cooldown > 0
    bad = np.where(better | cooling, 0.0, state.bad + 1)
    reduce = bad > patience
    lower = np.maximum(state.rate * factor, min_lr)
    return PlateauState(
        best=np.where(better, metric, state.best),
        bad=np.where(reduce, 0.0, bad),
        cooldown=np.where(reduce, cooldown, np.where(cooling, state.cooldown - 1, state.cooldown)),
        rate=np.where(reduce & (state.rate - lower > 1e-8), lower, state.rate),
    )
