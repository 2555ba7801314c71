"""The table of losses: what each is called, what it takes, and the one constructor."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from jaxcifar.core.errors import UserError, unknown
from jaxcifar.losses.functions import cross_entropy, focal, mse

LossFn = Callable[..., jax.Array]


class LossRow(NamedTuple):
    """A loss ``fn(logits, labels, **numbers) -> (N,)`` and its numbers with their defaults."""

    fn: LossFn
    options: Mapping[str, float]


# To add one: a function and a row; a number that members may vary is an option of the row.
LOSSES: Mapping[str, LossRow] = {
    "cross_entropy": LossRow(cross_entropy, {"smoothing": 0.0}),
    "focal": LossRow(focal, {"alpha": 1.0, "gamma": 2.0}),
    "mse": LossRow(mse, {}),
}


def make_loss(name: str, **numbers: Any) -> LossFn:
    """The loss ``fn(logits (N, K), labels (N,), **numbers) -> (N,)`` of that name.

    Numbers may be bound here, or given (traced, too) with each call; the rest have the defaults.

    Raises:
        UserError: unknown name or number.
    """
    if name not in LOSSES:
        raise unknown("loss", name, LOSSES)
    row = LOSSES[name]
    for option in numbers:
        if option not in row.options:
            allowed = ", ".join(sorted(row.options)) or "none"
            raise UserError(f"loss {name!r} has no option {option!r}\nit takes: {allowed}")
    return functools.partial(row.fn, **{**row.options, **numbers})
