"""A contact sheet: training images as the first steps of a run see them."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from jaxcifar.core import drawing  # noqa: F401  # before Matplotlib

# isort: split
import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jaxcifar import augment
from jaxcifar.config import Config, DataConfig
from jaxcifar.core.errors import UserError
from jaxcifar.core.files import write_atomically
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.data import CLASS_NAMES
from jaxcifar.data.channel_statistics import NORMALISATIONS
from jaxcifar.data.dataset import Dataset
from jaxcifar.data.splits import split

ROWS, STEPS = 8, 9  # images of the sheet's batch, and steps that see them
GAP = (10, 3)  # pixels below an image, for its caption, and beside it


class Seen(NamedTuple):
    """A batch as one step sees it."""

    images: NDArray[np.floating[Any]]  # (N, 32, 32, 3) in [0, 1], normalisation undone
    captions: tuple[str, ...]  # of mixed images, what they are made of; else empty


def seen(config: Config, images: np.ndarray, labels: np.ndarray, steps: int) -> list[Seen]:
    """A batch of uint8 images under the draws of the first steps, copies of masks in turn.

    Raises: UserError: as a run with this config.
    """
    work, numbers = augment.resolve(config.data.augment, _given(config.data))
    mean, std = NORMALISATIONS[config.data.normalisation]
    seed = config.seed if config.augment_seed is None else config.augment_seed
    normalise = partial(augment.normalise, mean=mean, std=std)
    traced = {name: np.asarray(value, np.float32) for name, value in numbers.items()}

    @jax.jit
    def view(step: jax.Array, traced: Any) -> Any:
        key = key_at(seed, Purpose.AUGMENT, step)
        copy = jnp.full(len(labels), step % augment.copies(work))
        return augment.transform_batch(key, jnp.asarray(images), work, traced, normalise, copy)

    found = []
    for step in range(steps):
        out, pairing = view(step, traced)
        pixels = np.clip(np.asarray(out, np.float64) * std + mean, 0, 1)
        found.append(Seen(pixels, _captions(labels, pairing, CLASS_NAMES[config.data.name])))
    return found


def _given(data: DataConfig) -> dict[str, Any]:
    values = ((field.name, getattr(data, field.name)) for field in dataclasses.fields(data))
    return {name: value for name, value in values if value is not None}


def _captions(
    labels: np.ndarray, pairing: augment.Pairing | None, classes: Sequence[str]
) -> tuple[str, ...]:
    if pairing is None or pairing.lam == 1:
        return ("",) * len(labels)
    lam, partners = float(pairing.lam), labels[np.asarray(pairing.order)]
    return tuple(
        f"{lam:.2f} {classes[own]}\n{1 - lam:.2f} {classes[other]}"
        for own, other in zip(labels, partners, strict=True)
    )


def contact_sheet(config: Config, dataset: Dataset, out: Path) -> str:
    """Write the sheet, a row an image and a column a step; says what it shows.

    Raises: UserError: fewer images than the sheet shows, and as `seen`.
    """
    rows, _ = split(len(dataset.train_labels), config.data.validation, config.data.split_seed)
    if len(rows) < ROWS:
        raise UserError(f"the sheet shows {ROWS} training images, but there are {len(rows)}")
    images, labels = dataset.train_images[rows[:ROWS]], dataset.train_labels[rows[:ROWS]]
    classes = CLASS_NAMES[config.data.name]
    original = Seen(images / 255, tuple(classes[label] for label in labels))
    names = ",".join(config.data.augment) or "no augmentation"
    columns = [original, *seen(config, images, labels, STEPS)]
    write_atomically(out, _draw(columns, f"{dataset.label}: {names}"))
    return f"{out}: {ROWS} images of {dataset.label}, {STEPS} steps of {names}"


def _draw(columns: list[Seen], title: str) -> bytes:
    """A PNG of one picture: 80 axes of their own would take seconds to lay out."""
    height, width = (side + gap for side, gap in zip((32, 32), GAP, strict=True))
    sheet = np.ones((ROWS * height, len(columns) * width, 3))
    figure = Figure(figsize=(sheet.shape[1] / 32, sheet.shape[0] / 32 + 0.5), dpi=150)
    axes = figure.add_axes((0, 0, 1, sheet.shape[0] / (sheet.shape[0] + 16)))
    for column, (pixels, captions) in enumerate(columns):
        left, name = column * width, f"step {column - 1}" if column else "original"
        axes.text(left + 16, -2, name, ha="center", va="bottom", fontsize=8)
        for row in range(ROWS):
            top = row * height
            sheet[top : top + 32, left : left + 32] = pixels[row]
            axes.text(left + 16, top + 33, captions[row], ha="center", va="top", fontsize=6)
    axes.imshow(sheet, interpolation="nearest")
    axes.set_axis_off()
    figure.suptitle(title, fontsize=9, y=0.995)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
