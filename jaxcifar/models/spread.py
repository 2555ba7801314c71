"""A network applied to a part of a batch, as it would be to the whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flax import linen as nn

from jaxcifar.core.shards import AXIS, Part
from jaxcifar.models.layers import BatchNorm, Dropout


@contextmanager
def over_parts(part: Part, synchronised: bool) -> Iterator[None]:
    """Within, networks are applied to such a part of a batch.

    Dropout draws for the whole batch and takes the part's. BatchNorm takes the statistics of the
    whole batch if `synchronised`, else those of the part.
    """
    if part.shards == 1:
        yield
        return
    known: dict[type, dict[str, Any]] = {Dropout: {"part": part}}
    if synchronised:
        known[BatchNorm] = {"axis": AXIS}

    def told(
        call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], context: Any
    ) -> Any:
        own = known.get(type(context.module), {}) if context.method_name == "__call__" else {}
        return call(*args, **kwargs, **own)

    with nn.intercept_methods(told):
        yield
