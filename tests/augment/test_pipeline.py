"""The table of augmentations: contract, order, options, stages."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pictures import PICTURES

from jaxcifar import augment
from jaxcifar.augment import AUGMENTATIONS, Stage
from jaxcifar.cli import apply_overrides
from jaxcifar.config import Config, DataConfig, Study, replace
from jaxcifar.core.errors import UserError
from jaxcifar.planning.resolve import resolve

HEAVY_TO_COMPILE = ("randaugment", "jitter", "mix")
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in HEAVY_TO_COMPILE else [])
    for name in AUGMENTATIONS
]


def work_of(*names, **given):
    work, numbers = augment.resolve(names, given)
    return work, {name: np.float32(value) for name, value in numbers.items()}


@pytest.mark.parametrize("name", NAMES)
def test_contract(name):
    """Shape and type are kept, the key decides, and members side by side draw as they do alone."""
    row, (work, numbers) = AUGMENTATIONS[name], work_of(name)
    images = jnp.asarray(PICTURES[:6] | 1)  # no zeros
    if row.stage is not Stage.PIXELS:
        images = images.astype(jnp.float32) / 255
    numbers["mask_kind"] = np.zeros(6, np.int32)

    def fn(key):
        out = augment.augment(key, images, work, numbers, row.stage)
        return out[0] if row.stage is Stage.BATCH else out

    keys = jax.random.split(jax.random.key(3), 4)
    alone = np.stack([jax.jit(fn)(key) for key in keys])
    assert alone.shape == (4, *images.shape) and alone.dtype == images.dtype
    assert (alone != np.asarray(images)).any(), "it does something"
    assert (name == "fixed_mask") != (alone[1:] != alone[:-1]).any()
    np.testing.assert_array_equal(jax.jit(jax.vmap(fn))(keys), alone)


def test_published_numbers():
    """The defaults are those that the reports' texts and codes print."""
    published = {
        "randaugment_m": 9, "jitter_brightness": 0.2, "jitter_contrast": 0.2,
        "jitter_saturation": 0.2, "rotation_degrees": 15, "erase_probability": 0.5,
        "erase_area": (0.04, 0.2), "erase_aspect": (0.5, 2), "mix_probs": (0.3, 0.3),
        "mix_alpha": 0.5,
    }  # fmt: skip
    names = ("randaugment", "jitter", "rotation", "erase", "mix")
    assert augment.resolve(names, {})[1] == published
    assert augment.resolve(("randaugment",), {})[0] == (("randaugment", (("randaugment_n", 2),)),)


def test_order_of_names_is_the_order_of_work():
    key, images = jax.random.key(0), jnp.asarray(PICTURES)
    first, second = (jax.random.fold_in(key, position) for position in (0, 1))
    expected = augment.crop(second, augment.hflip(first, images))
    ours = augment.augment(key, images, work_of("hflip", "crop")[0])
    np.testing.assert_array_equal(ours, expected)
    other = augment.augment(key, images, work_of("crop", "hflip")[0])
    assert not np.array_equal(other, expected)


def test_heavy_is_a_name_for_three():
    assert augment.resolve(("heavy",), {}) == augment.resolve(("crop", "vflip", "hflip"), {})


def test_no_names_only_normalise():
    images = jnp.asarray(PICTURES)
    assert augment.augment(jax.random.key(0), images, ()) is images
    out, pairing = augment.transform_batch(jax.random.key(0), images, (), {}, lambda x: x)
    assert out is images and pairing is None


def test_stages_see_pixels_then_normalised_images():
    """What is dropped by a mask is 0 after normalisation; what is erased is black before it."""
    work, numbers = work_of(
        "erase", "fixed_mask", mask_pattern="edge12", erase_probability=1.0, erase_area=(0.9, 0.9),
        erase_aspect=(1.0, 1.0),
    )  # fmt: skip
    images = jnp.full((4, 32, 32, 3), 255, jnp.uint8)
    out = np.asarray(jax.jit(
        lambda key: augment.transform(key, images, work, numbers, lambda x: x / 255.0 - 3.0)
    )(jax.random.key(0)))  # fmt: skip
    assert (out[:, 12:20, 12:20] == -3).all(), "the rectangle of 30 pixels covers the centre"
    assert (out[:, :12] == 0).all() and (out[:, :, 20:] == 0).all()


def test_copies_have_their_own_kind_of_mask():
    """Rates 0 and 1: the first copy is left whole, the second has nothing left."""
    work, numbers = work_of("block_mask", mask_size=(4,), mask_rate=(0.0, 1.0))
    assert augment.copies(work) == 2 and augment.copies(()) == 1
    copy = jnp.arange(8) % 2
    out = jax.jit(lambda key: augment.transform(
        key, jnp.ones((8, 32, 32, 3), jnp.uint8), work, numbers, lambda x: x / 1.0, copy
    ))(jax.random.key(0))  # fmt: skip
    assert (np.asarray(out).mean((1, 2, 3)) == [1, 0] * 4).all()


REFUSED = [
    (("flip",), {}, "unknown augmentation 'flip'; did you mean"),
    (("heavy", "crop"), {}, "names crop more than once"),
    (("mix", "hflip", "block_mask"), {}, "give --config.data.augment=hflip,block_mask,mix"),
    (("crop",), {"erase_area": (0.1, 0.2)}, "data.erase_area=(0.1, 0.2) has no effect"),
    (("crop",), {"randaugment_m": 3}, "add 'randaugment' to data.augment"),
    (("block_mask",), {"mask_size": (1, 2), "mask_rate": (0.1, 0.2, 0.3)}, "differ in length"),
]


@pytest.mark.parametrize("names, given, words", REFUSED)
def test_refused_when_resolved(names, given, words):
    overrides = {f"data.{name}": value for name, value in given.items()}
    with pytest.raises(UserError) as error:
        resolve(replace(Config(), {"data.augment": names, **overrides}))
    assert words in str(error.value) and len(str(error.value).splitlines()) <= 3


@pytest.mark.parametrize("option, value", [
    ("randaugment_n", 0), ("randaugment_m", 31), ("jitter_contrast", -0.1),
    ("rotation_degrees", 181.0), ("erase_probability", 1.1), ("erase_area", (0.3, 0.2)),
    ("erase_area", (0.0, 1.5)), ("erase_aspect", (0.0, 1.0)), ("mask_size", (3,)),
    ("mask_size", ()), ("mask_rate", (1.2,)), ("mask_rate", ()), ("mix_probs", (0.6, 0.5)),
    ("mix_alpha", 0.0),
])  # fmt: skip
def test_numbers_out_of_range_are_refused(option, value):
    with pytest.raises(UserError, match=f"data.{option}=.* is out of range"):
        DataConfig(**{option: value})


def test_every_option_is_a_field_and_a_flag():
    options = {name for row in AUGMENTATIONS.values() for name in (*row.numbers, *row.structure)}
    fields = {field.name: field.default for field in dataclasses.fields(DataConfig)}
    assert options <= fields.keys() and all(fields[name] is None for name in options)
    study, _ = apply_overrides(Study("s", Config()), [
        ("data.augment", "erase,block_mask,mix"), ("data.erase_area", "0.1,0.3"),
        ("data.mask_size", "4,2,1"), ("data.mask_rate", "0.9"), ("data.mix_alpha", "1"),
    ])  # fmt: skip
    resolved = resolve(study.base)
    assert resolved.program.augment[1] == ("block_mask", (("mask_size", (4, 2, 1)),))
    assert resolved.numbers["augment"] == {
        "erase_probability": 0.5, "erase_area": (0.1, 0.3), "erase_aspect": (0.5, 2.0),
        "mask_rate": (0.9, 0.9, 0.9), "mix_probs": (0.3, 0.3), "mix_alpha": 1.0,
    }  # fmt: skip
