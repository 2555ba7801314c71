"""What figures of loss surfaces say: titles, axes, and the sentences below them."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxcifar.core.wording import plural
from jaxcifar.records.landscapes import Landscape


def title(each: Landscape) -> str:
    """Whose landscape it is, and to whom the line goes."""
    if each.kind == "interpolation":
        return f"{each.about['name']} to {each.about['to']}"
    return str(each.about["name"])


def axis_names(each: Landscape) -> tuple[str, str]:
    """What goes along the first and the second axis."""
    if each.explained is not None:
        first, second = (f"{100 * share:.0f} % of the variance" for share in each.explained)
        return f"component 1 ({first})", f"component 2 ({second})"
    if each.kind == "interpolation":
        return "way from the first weights (0) to the others (1)", ""
    return "first direction" if each.b is not None else "direction", "second direction"


def caption(found: Sequence[Landscape], log: bool = False, marked: bool = True) -> str:
    """What all of them show, in sentences; what differs between them is told of each.

    Args:
        found: landscapes of which the same was asked.
        log: whether losses are drawn logarithmically.
        marked: whether the weights and the path are marked as in planes of contours.
    """
    about = found[0].about
    said = [_measured(each) for each in found]
    told = [said[0]] if len(set(said)) == 1 else [
        f"{title(each)}: {text}" for each, text in zip(found, said, strict=True)
    ]  # fmt: skip
    told += dict.fromkeys(filter(None, map(_mode, found)))
    if "normalise" in about:
        drawn = f"seed {about['seed']}" if "seed" in about else f"of {about.get('directions')}"
        told.append(f"Directions: {drawn}, normalisation: {about['normalise']}")
    if cosines := [f"{each.about['cosine']:.4f}" for each in found if "cosine" in each.about]:
        told.append(f"Cosine of the two: {', '.join(dict.fromkeys(cosines))}")
    path = found[0].path is not None
    if marked and found[0].b is not None:
        where = "Dots: checkpoints of training; star: the weights in the origin"
        told.append(where if path else "Cross: the weights")
    if path:
        told.append("Axes in units of distance between weights")
    if log:
        told.append("Logarithmic scale")
    told += [
        f"{title(each)}: not finite and left blank at {plural(each.holes, 'point')} of "
        f"{each.loss.size:,}" for each in found if each.holes
    ]  # fmt: skip
    return ". ".join(told) + "."


MODES = {
    "eval": "BatchNorm by its running statistics",
    "train": "BatchNorm by the statistics of each batch",
}


def _measured(each: Landscape) -> str:
    """``Data: synthetic, study bn, weights: best, 2,000 images (train)``."""
    about = each.about
    if "data" not in about:
        return f"{plural(int(about['examples']), 'example')}"
    return (
        f"Data: {about['data']}, study {about['study']}, weights: {about['which']}, "
        f"{plural(int(about['examples']), 'image')} ({about['split']})"
    )


def _mode(each: Landscape) -> str:
    """How BatchNorm works, where there is one."""
    about = each.about
    if not about.get("batchnorm"):
        return ""
    if about["mode"] == "train":
        return f"{MODES['train']} of {about['batch']}"
    moves = ", which move with the weights" if each.kind == "interpolation" else ""
    return MODES["eval"] + moves


def measured(abouts: Sequence[Mapping[str, Any]], which: bool = True) -> str:
    """On what measures at several weights were taken, of which the same was asked.

    Args:
        abouts: what each tells of itself.
        which: name the kinds of weights, where they are few.
    """
    about = abouts[0]
    if "data" not in about:
        return plural(int(about["examples"]), "example")
    mode = MODES[about["mode"]] + (f" of {about['batch']}" if about["mode"] == "train" else "")
    normed = any(each.get("batchnorm") for each in abouts)
    kinds = list(dict.fromkeys(str(each["which"]) for each in abouts))
    weights = [f"weights: {', '.join(kinds)}"] if which and len(kinds) < 4 else []
    parts = [
        f"Data: {about['data']}", f"study {about['study']}", *weights,
        f"{plural(int(about['examples']), 'image')} ({about['split']})", *[mode][:normed],
    ]  # fmt: skip
    return ", ".join(parts)
