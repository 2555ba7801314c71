"""Which of a network's layers are units, whose output an activation takes next: by their names.

Names are those of probes.npz, in the order the layers run: "conv1", "res0/unit/conv1 (2)".
"""

import re
from collections.abc import Sequence

import numpy as np

_NORM = re.compile(r"(bn|norm)\d*( \(\d+\))?$")
# Added to another path or linear; gates, which a sigmoid follows.
_OTHER = re.compile(r"(^|/)((down|shortcut|project)_\w+|sa/conv|unit/conv2)( \(\d+\))?$")
_RESIDUAL = re.compile(r"((?:^|.*/)(?:stage\d+_\w+|blocks(?:_\d+)?)(?:/\d+)?)/(?:conv|bn)\d+$")


def is_norm(layer: str) -> bool:
    """Whether a layer is a normalisation."""
    return bool(_NORM.search(layer))


def units(layers: Sequence[str]) -> np.ndarray:
    """Places of the layers that an activation follows directly, rising, (U,).

    A layer gives way to the normalisation that follows it. Left out are the last one, which gives
    the logits; the last of a residual block, its shortcut, and other paths that are summed; gates;
    and a normalisation of what was normalised before. Names do not tell a stem without an
    activation (RN, RR) and BatchNorm between convolutions (RCi, ShuffleNet): those count.
    """
    other = [bool(_OTHER.search(layer)) for layer in layers]
    norm = [is_norm(layer) and not skipped for layer, skipped in zip(layers, other, strict=True)]
    summed = _ends_of_blocks(layers)
    pairs = list(zip((False, *norm), norm, (*norm[1:], False), strict=False))
    return np.array([
        place
        for place, (before, here, after) in enumerate(pairs[:-1])
        if not other[place] and place not in summed and (not before if here else not after)
    ], dtype=int)  # fmt: skip


def _ends_of_blocks(layers: Sequence[str]) -> set[int]:
    """Places of the last layers of residual blocks, on the path that is not the shortcut."""
    found = {match[1]: place for place, layer in enumerate(layers)
             if (match := _RESIDUAL.fullmatch(layer))}  # fmt: skip
    return {*found.values()}
