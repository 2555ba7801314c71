"""What networks look like inside: layers before and after training, filters, attention, answers."""

from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxcifar import models, programs
from jaxcifar.core.types import Images, Plan, Program, Tree
from jaxcifar.records.formats import described

N_IMAGE = 256  # images that a layer's outputs are measured over
N_SAMPLE = 16  # images whose probabilities and attention are kept
_OVER = f"over the first {N_IMAGE} training images, not augmented"
_RMS = f"member, layer: root mean square of the layer's output {_OVER}"
_DEAD = f"member, layer: share of channels whose output is at most 0 everywhere {_OVER}"
_BY_BATCH = "; BatchNorm by the statistics of these images, no dropout"
UNITS = {
    "layers": "layer: module paths of convolutions, dense layers and normalisations as they run; "
    "(2) is a second call",
    "initial_rms": _RMS + _BY_BATCH,
    "initial_dead": _DEAD + _BY_BATCH,
    "final_rms": _RMS + "; evaluation mode",
    "final_dead": _DEAD + "; evaluation mode",
    "filters": "member, height, width, input, output channel: the first convolution's kernel",
    "sample_images": "sample, height, width, channel: the first test images, 0..255",
    "sample_labels": "sample: class 0..9",
    "sample_probabilities": "member, sample, class: softmax of the outputs, in [0, 1]",
    "attention": "member, module, sample, height, width: factor in (0, 1); smaller maps repeated",
    "attention_names": "module: path of a spatial attention",
    "singular_values": "member, kernel, rank: falling, NaN beyond the smaller side",
    "singular_names": "kernel: path of a 1x1 convolution of a unit transform",
}


def probe(
    plan: Plan, first: Tree, final: Tree, images: np.ndarray, sample: Images
) -> dict[str, np.ndarray]:
    """The arrays of probes.npz; members are looked at one at a time.

    Args:
        plan: of the run that is over.
        first: weights {"params", "batch_stats"} before training, leaves (M, ...).
        final: weights to look into, alike.
        images: (N, 32, 32, 3) uint8, to measure layers over, all at once.
        sample: on the host: images to show, and their labels.

    Returns: see `UNITS`; fields that the network has nothing for are left out.
    """
    hyper = plan.phases[-1].numbers.model
    first, final = ({**jax.tree.map(np.asarray, weights), "hyper": hyper}
                    for weights in (first, final))  # fmt: skip
    rows = [
        _member(plan.phases[-1].program, _row(first, m), _row(final, m), images, sample.images)
        for m in range(len(plan.members))
    ]
    measured = {name: np.stack([row[0][name] for row in rows]) for name in rows[0][0]}
    shown = {"sample_images": sample.images, "sample_labels": sample.labels.astype(np.int32)}
    table = {**rows[0][1], **measured, **shown}
    return described(plan.members, {}, {name: UNITS[name] for name in sorted(table)}, table)


def _row(tree: Tree, m: int) -> Tree:
    return jax.tree.map(lambda leaf: leaf[m], tree)


def _member(
    program: Program, first: Tree, final: Tree, images: np.ndarray, sample: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What is measured of a member, and the names of axes, which are the same for all."""
    before = make_layers(program, True)(first, images)
    after = make_layers(program, False)(final, images)
    probabilities, maps = make_answers(program)(final, sample)
    measured = {
        f"{when}_{what}": np.array([layer[what] for layer in found.values()], np.float32)
        for when, found in (("initial", before), ("final", after))
        for what in ("rms", "dead")
    }
    names = {"layers": list(before)}
    measured["sample_probabilities"] = np.asarray(probabilities, np.float32)
    kernel = models.kernels(final["params"])["/".join(models.MODELS[program.model].first_kernel)]
    if kernel.ndim == 4:
        measured["filters"] = kernel.astype(np.float32)
    if maps:
        measured["attention"], names["attention_names"] = of_one_size(maps), list(maps)
    units = models.unit_kernels(final["params"])
    if units:
        measured["singular_values"], names["singular_names"] = singular_values(units), list(units)
    return measured, {name: np.array(words, np.str_) for name, words in names.items()}


@cache
def make_layers(program: Program, by_batch: bool) -> Callable[..., OrderedDict[str, Any]]:
    """(one member's variables, uint8 images) -> {"rms", "dead"} of every layer, scalars.

    by_batch: as of `models.outputs`. Outputs are reduced where they arise: none is kept.
    """
    parts = programs.bind(program._replace(lane="map"))

    def layers(variables: Tree, images: jax.Array) -> OrderedDict[str, Any]:
        pixels = parts.normalise(images)
        return models.outputs(parts.model, variables, pixels, of=_summary, by_batch=by_batch)

    return jax.jit(layers)


def _summary(y: jax.Array) -> dict[str, jax.Array]:
    """Of an output (N, ..., C): its root mean square, and the share of channels never above 0."""
    y = y.astype(jnp.promote_types(y.dtype, jnp.float32))
    squares = jnp.square(y).reshape(len(y), -1).mean(axis=1)  # by image: shorter sums, less error
    highest = y.max(axis=tuple(range(y.ndim - 1)))
    return {"rms": jnp.sqrt(squares.mean()), "dead": (highest <= 0).mean()}


@cache
def make_answers(program: Program) -> Callable[..., tuple[jax.Array, dict[str, jax.Array]]]:
    """(one member's variables, uint8 images) -> probabilities (N, C), attention maps (N, h, w)."""
    parts = programs.bind(program._replace(lane="map"))

    def answers(variables: Tree, images: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        logits, maps = models.attention(parts.model, variables, parts.normalise(images))
        return jax.nn.softmax(logits), maps

    return jax.jit(answers)


def of_one_size(maps: dict[str, Any]) -> np.ndarray:
    """(A, N, h, w) float32 from A maps (N, h', w'), every pixel repeated up to the largest."""
    side = max(found.shape[-1] for found in maps.values())

    def widen(found: Any) -> np.ndarray:
        times = side // found.shape[-1]
        return np.asarray(found, np.float32).repeat(times, axis=1).repeat(times, axis=2)

    return np.stack([widen(found) for found in maps.values()])


def singular_values(matrices: dict[str, Any]) -> np.ndarray:
    """(A, R) float32, falling, of A matrices, NaN beyond a matrix's smaller side."""
    found = [np.linalg.svd(np.asarray(matrix, np.float64), compute_uv=False)
             for matrix in matrices.values()]  # fmt: skip
    values = np.full((len(found), max(map(len, found))), np.nan, np.float32)
    for row, each in zip(values, found, strict=True):
        row[: len(each)] = each
    return values
