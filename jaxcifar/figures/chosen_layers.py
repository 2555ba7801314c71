"""Which layers a figure shows of networks that are compared: the same where they have them."""

from collections.abc import Sequence

from jaxcifar.figures.layer_units import is_norm

DEPTHS = ("first", "middle", "last")


def common(networks: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The layers that all have, in the order of the first."""
    return tuple(name for name in networks[0] if all(name in layers for layers in networks))


def spread(names: Sequence[str]) -> tuple[str, ...]:
    """The first, the middle and the last of them; all of fewer than three."""
    return tuple(dict.fromkeys((*names[:1], *names[len(names) // 2 :][:1], *names[-1:])))


def picked(
    layers: Sequence[str], networks: Sequence[Sequence[str]], skipped: int = 0
) -> dict[str, str]:
    """Title -> layer of one network, no normalisation; the same titles for all.

    Args:
        layers: of the network.
        networks: the layers of all that are compared.
        skipped: how many of the first are left out.
    """
    if shared := [name for name in common(networks) if not is_norm(name)][skipped:]:
        return {name: name for name in spread(shared)}
    own = [name for name in layers if not is_norm(name)][skipped:]
    named = dict(zip(DEPTHS, spread(own), strict=False))
    return {f"{depth} layer": name for depth, name in named.items()}


def normed(layers: Sequence[str], name: str) -> str:
    """The normalisation of a layer's output where one follows it, else the layer."""
    after = layers[layers.index(name) + 1 :][:1]
    return after[0] if after and is_norm(after[0]) else name
