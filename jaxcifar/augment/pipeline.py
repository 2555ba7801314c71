"""The table of augmentations: what each works on, its options, and the order of work."""

import enum
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxcifar.augment.erasing import random_erasing
from jaxcifar.augment.geometry import crop, hflip, rotation, vflip
from jaxcifar.augment.jitter import jitter
from jaxcifar.augment.masks import block_mask, fixed_mask, mask_kinds
from jaxcifar.augment.mixing import Pairing, apply_mix, draw_mix
from jaxcifar.augment.randaugment import randaugment
from jaxcifar.core.errors import UserError, nearest, unknown

Work = tuple[tuple[str, tuple[tuple[str, Any], ...]], ...]  # (name, what it compiles in), in order
Numbers = Mapping[str, Any]
Normalise = Callable[[jax.Array], jax.Array]


class Stage(enum.IntEnum):
    """What an augmentation works on; a later stage cannot come before an earlier one."""

    PIXELS = 0  # uint8 images
    NORMALISED = 1  # floating images
    BATCH = 2  # floating images, across the batch and with its labels


class Row(NamedTuple):
    """An augmentation ``fn(key, images, **options) -> images`` and its options' defaults.

    Names of options are unique over the table; they are fields of `DataConfig`.
    """

    fn: Callable[..., Any]
    stage: Stage = Stage.PIXELS
    numbers: Mapping[str, Any] = MappingProxyType({})  # traced: members may differ in them
    structure: Mapping[str, Any] = MappingProxyType({})  # compiled in
    of_batch: tuple[str, ...] = ()  # what the batch brings, see `transform`


def mix(
    key: jax.Array, images: jax.Array, *, mix_probs: jax.Array, mix_alpha: jax.Array
) -> tuple[jax.Array, Pairing]:
    """Mixup or CutMix for some batches.

    Args:
        key: one random key.
        images: (N, H, W, C) floating.
        mix_probs: (2,), of mixup and of CutMix.
        mix_alpha: scalar, both parameters of the Beta distribution of the own share.

    Returns: the mixed images and how their labels are.
    """
    return apply_mix(images, draw_mix(key, images.shape[:3], mix_probs, mix_alpha))


# To add one: a pure function in a module of this package, a row here, its options in DataConfig.
AUGMENTATIONS: Mapping[str, Row] = {
    "hflip": Row(hflip),
    "vflip": Row(vflip),
    "crop": Row(crop),
    "randaugment": Row(randaugment, numbers={"randaugment_m": 9}, structure={"randaugment_n": 2}),
    "jitter": Row(
        jitter,
        numbers={"jitter_brightness": 0.2, "jitter_contrast": 0.2, "jitter_saturation": 0.2},
    ),
    "rotation": Row(rotation, numbers={"rotation_degrees": 15.0}),
    "erase": Row(
        random_erasing,
        numbers={"erase_probability": 0.5, "erase_area": (0.04, 0.2), "erase_aspect": (0.5, 2.0)},
    ),
    "block_mask": Row(
        block_mask, Stage.NORMALISED, {"mask_rate": (0.5,)}, {"mask_size": (4,)}, ("mask_kind",)
    ),
    "fixed_mask": Row(fixed_mask, Stage.NORMALISED, structure={"mask_pattern": "centre8"}),
    "mix": Row(mix, Stage.BATCH, {"mix_probs": (0.3, 0.3), "mix_alpha": 0.5}),
}
ALIASES = {"heavy": ("crop", "vflip", "hflip")}


def resolve(
    names: Sequence[str], given: Mapping[str, Any], inherited: Collection[str] = ()
) -> tuple[Work, dict[str, Any]]:
    """What is compiled in, and the numbers by option name.

    Args:
        names: rows of `AUGMENTATIONS` or `ALIASES`, in the order of work.
        given: options that were given; names that are no option of any row are not looked at.
        inherited: those of them that may be meant for other augmentations, and then have no effect.

    Raises: UserError: unknown or doubled name, wrong order, option without effect.
    """
    names = _expand(names)
    _check_order(names)
    rows = [AUGMENTATIONS[name] for name in names]
    options: dict[str, Any] = {}
    for row in rows:
        options |= {**row.numbers, **row.structure}
    _check_effect(names, options, {k: v for k, v in given.items() if k not in inherited})
    options |= {name: value for name, value in given.items() if name in options}
    if "block_mask" in names:
        options |= mask_kinds(options)
    work = tuple(
        (name, tuple((option, options[option]) for option in sorted(row.structure)))
        for name, row in zip(names, rows, strict=True)
    )
    return work, {option: options[option] for row in rows for option in sorted(row.numbers)}


def copies(work: Work) -> int:
    """How often an epoch visits each training image: once for each kind of block mask."""
    return max([1, *(len(dict(structure).get("mask_size", ())) for _, structure in work)])


def mixes(work: Work) -> bool:
    """Whether labels are mixed, and correct answers counted in fractions."""
    return any(AUGMENTATIONS[name].stage is Stage.BATCH for name, _ in work)


def augment(
    key: jax.Array,
    images: jax.Array,
    work: Work,
    numbers: Numbers = MappingProxyType({}),
    stage: Stage = Stage.PIXELS,
) -> Any:
    """Apply one stage's augmentations in order, each with the key of its place in the whole work.

    Args:
        key: one random key a batch.
        images: (N, H, W, C), as the stage has them.
        work: from `resolve`; other stages' rows are passed over.
        numbers: by option name.

    Returns: the images; of `Stage.BATCH`, the images and a `Pairing`.
    """
    for position, (name, structure) in enumerate(work):
        row = AUGMENTATIONS[name]
        if row.stage is stage:
            options = {name: numbers[name] for name in (*row.numbers, *row.of_batch)}
            place = jax.random.fold_in(key, position)
            images = row.fn(place, images, **options, **dict(structure))
    return images


def transform(
    key: jax.Array, images: jax.Array, work: Work, numbers: Numbers, normalise: Normalise,
    copy: jax.Array | None = None,
) -> jax.Array:  # fmt: skip
    """All that happens to single images: pixels, normalisation, masks.

    Args:
        key: one random key a batch.
        images: (N, H, W, C) uint8.
        work: from `resolve`.
        numbers: by option name.
        normalise: uint8 images to floating ones.
        copy: (N,) int32 below `copies`, the copy of the training set that each image is from; it
            decides the kind of its block mask. None = the first.
    """
    copy = jnp.zeros(images.shape[0], jnp.int32) if copy is None else copy
    images = normalise(augment(key, images, work, numbers))
    return augment(key, images, work, {**numbers, "mask_kind": copy}, Stage.NORMALISED)


def transform_batch(
    key: jax.Array, images: jax.Array, work: Work, numbers: Numbers, normalise: Normalise,
    copy: jax.Array | None = None,
) -> tuple[jax.Array, Pairing | None]:  # fmt: skip
    """As `transform`, then mixed across the batch; with how labels are mixed, None = not at all."""
    images = transform(key, images, work, numbers, normalise, copy)
    return augment(key, images, work, numbers, Stage.BATCH) if mixes(work) else (images, None)


def _expand(names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if name not in AUGMENTATIONS and name not in ALIASES:
            raise unknown("augmentation", name, (*AUGMENTATIONS, *ALIASES))
    return tuple(single for name in names for single in ALIASES.get(name, (name,)))


def _check_order(names: tuple[str, ...]) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UserError(f"data.augment names {', '.join(doubled)} more than once: {names}")
    stages = [AUGMENTATIONS[name].stage for name in names]
    right = tuple(
        name for _, name in sorted(zip(stages, names, strict=True), key=lambda row: row[0])
    )
    if right != names:
        raise UserError(
            f"data.augment={','.join(names)} is out of order: pixels come first, then masks on\n"
            f"normalised images, then mixing\ngive --config.data.augment={','.join(right)}"
        )


def _check_effect(names: Sequence[str], allowed: Mapping, given: Mapping[str, Any]) -> None:
    for option, value in given.items():
        owners = [
            name for name, row in AUGMENTATIONS.items()
            if option in row.numbers or option in row.structure
        ]  # fmt: skip
        if owners and option not in allowed:
            raise UserError(
                f"data.{option}={value!r} has no effect: it belongs to {owners[0]!r}, which "
                f"data.augment={','.join(names) or '()'} does not name{nearest(option, allowed)}\n"
                f"add {owners[0]!r} to data.augment, or leave data.{option} out"
            )
