"""State dicts as people have them: wrapped, counted, inside of checkpoints, of other networks."""

from collections.abc import Collection, Mapping
from typing import Any

from jaxcifar.core.console import say
from jaxcifar.core.errors import UserError, nearest
from jaxcifar.core.wording import plural
from jaxcifar.interop import names

COUNTERS = {"num_batches_tracked", "n_averaged"}
"""PyTorch counts the batches of each BatchNorm, and averaged models; nothing here depends on it."""


def bare(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """A state dict without counters and without what wrappers put into names; says what it was.

    Raises: UserError: a dict inside, as checkpoints have it, or two names that become one.
    """
    for key, part in arrays.items():
        if not isinstance(key, str):
            raise UserError(f"an array is called {key!r}\nthe names of a state dict are text")
        if isinstance(part, Mapping):
            raise UserError(
                f"{key!r} holds a dict: this is no state dict, but may have one inside\n"
                f"give that: from_torch(name, checkpoint[{key!r}])"
            )
    found: dict[str, Any] = {}
    wrapped: dict[str, int] = {}
    for key, array in arrays.items():
        plain, wrappers = names.unwrapped(key)
        if plain.rpartition(".")[2] in COUNTERS:
            continue
        if plain in found:
            raise UserError(f"two arrays are {plain!r}, one of them as {key!r}\ngive one network")
        found[plain] = array
        for wrapper in wrappers:
            wrapped[wrapper] = wrapped.get(wrapper, 0) + 1
    if wrapped:
        counts = (f"'{wrapper}.' ({plural(count, 'name')})" for wrapper, count in wrapped.items())
        say(f"taken out of the names: {', '.join(counts)}")
    return found


def refuse_misfits(
    name: str, given: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]
) -> None:
    """Raises: UserError: names the arrays that differ, on both sides, and what may make it so."""
    extra = [key for key in given if key not in wanted]
    missing = [key for key in wanted if key not in given]
    if extra or missing:
        said = [_advice(name, given, wanted)]
        if missing:
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            said.insert(0, f"{missing[0]!r} of {name} is missing{more}")
        if extra:
            more = f", nor are {len(extra) - 1} more" if len(extra) > 1 else ""
            hint = nearest(extra[0], missing)
            said.insert(0, f"{extra[0]!r} is no array of {name}{more}{hint}")
        raise UserError("\n".join(said))
    for key, shape in wanted.items():
        if given[key] != shape:
            raise UserError(
                f"{key!r} has shape {given[key]}, {name} needs {shape}\n"
                "all names agree, sizes do not: give the options it was made with, such as width"
            )


def _advice(name: str, given: Collection[str], wanted: Collection[str]) -> str:
    """What the names that differ tell of how to go on."""
    listing = f"all names: python -m jaxcifar.interop names {name}"
    starts = {key.partition(".")[0] for key in given}
    if len(starts) == 1 and {key.partition(".")[2] for key in given} & set(wanted):
        return f"all names begin with '{starts.pop()}.': give them without it"
    if set(given) & set(wanted):
        return f"give the options it was made with; {listing}"
    return f"no name agrees, so this is another network, or named by other rules; {listing}"
