"""What a backward pass holds of its forward pass, read off the traced program."""

import math
from collections.abc import Iterator, Mapping, Set
from typing import Any

import jax
from jax.extend import core

PRODUCTS = ("conv_general_dilated", "dot_general")
ONCE = (*PRODUCTS, "scan", "while", "sort", "gather", "random", "threefry", "reduce", "argm", "cum")
"""What a compiler never computes a second time: operations whose names begin so."""

NEGLIGIBLE = 8  # of a value's bytes, what is at hand all the same: a batch's moments, say


def size(tree: Any) -> int:
    """Bytes of all arrays, or of shapes that stand for them."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def largest_product(jaxpr: Any) -> int:
    """Bytes of the largest result of a convolution or matrix product."""
    products = (line for line in _lines(jaxpr) if line.primitive.name in PRODUCTS)
    return max((size(out.aval) for line in products for out in line.outvars), default=0)


def stored(jaxpr: Any, kept: Set[Any]) -> set[Any]:
    """Of the values that a backward pass asks for, those that a GPU's compiler stores.

    It works out the others anew, value by value, while it reads what they follow from: of a
    convolution, a BatchNorm and a ReLU it stores what the first gives and what the next
    convolution takes, and neither what BatchNorm gives nor where that was positive.

    Args:
        jaxpr: traced.
        kept: of its variables.
    """
    made_by = {out: line for line in jaxpr.eqns for out in line.outvars}
    handed = {v for line in jaxpr.eqns if _has(line, PRODUCTS)
              for v in (*line.invars, *line.outvars) if isinstance(v, core.Var)}  # fmt: skip
    held: set[Any] = set()
    for variable in (out for out in made_by if out in kept):
        if variable in handed or not _follows(variable, size(variable.aval), made_by, held, {}):
            held.add(variable)
    return held


def _follows(
    variable: Any, of: int, made_by: Mapping[Any, Any], held: Set[Any], known: dict[Any, bool]
) -> bool:
    """Whether `variable`, on the way to a value of so many bytes, is at hand or worked out anew."""
    line = made_by.get(variable) if isinstance(variable, core.Var) else None
    if line is None or variable in held or size(variable.aval) * NEGLIGIBLE < of:
        return True
    if variable not in known:
        known[variable] = not _has(line, ONCE) and all(
            _follows(before, of, made_by, held, known) for before in line.invars
        )
    return known[variable]


def _has(line: Any, names: tuple[str, ...]) -> bool:
    return any(each.primitive.name.startswith(names) for each in (line, *_within(line)))


def _lines(jaxpr: Any) -> Iterator[Any]:
    for line in jaxpr.eqns:
        yield line
        yield from _within(line)


def _within(line: Any) -> Iterator[Any]:
    """The equations of the functions that an equation calls."""
    for part in jax.tree.leaves(list(line.params.values())):
        inner = getattr(part, "jaxpr", part)
        if hasattr(inner, "eqns"):
            yield from _lines(inner)
