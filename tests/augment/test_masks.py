"""Block and fixed masks: shares, blocks, kinds, patterns."""

import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcifar.augment import masks
from jaxcifar.config import DataConfig
from jaxcifar.core.errors import UserError

N = 600
drop = jax.jit(masks.block_mask, static_argnames="mask_size")


def masked(sizes, rates, kind, key=0):
    """What is kept, (N, 32, 32) bool."""
    images = jnp.full((len(kind), 32, 32, 3), -2.0)
    out = np.asarray(drop(
        jax.random.key(key), images, mask_size=sizes, mask_rate=jnp.array(rates),
        mask_kind=jnp.asarray(kind),
    ))  # fmt: skip
    assert set(np.unique(out)) <= {-2.0, 0.0} and out.dtype == np.float32
    assert (out == out[..., :1]).all(), "channels are dropped together"
    return out[..., 0] != 0


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_blocks_are_dropped_whole(size):
    kept = masked((size,), (0.5,), np.zeros(40, int))
    blocks = kept.reshape(40, 32 // size, size, 32 // size, size).transpose(0, 1, 3, 2, 4)
    blocks = blocks.reshape(40, -1, size * size)
    assert (blocks == blocks[..., :1]).all()
    count = blocks[..., 0].size
    assert abs(blocks[..., 0].mean() - 0.5) < 4 * 0.5 / np.sqrt(count)
    across = blocks[:, 1:, 0] != blocks[:, :-1, 0]
    assert abs(across.mean() - 0.5) < 4 * 0.5 / np.sqrt(across.size), "neighbours are independent"


@pytest.mark.parametrize("sizes, rates", [
    ((4, 4, 4), (0.5, 0.7, 0.9)), ((4, 2, 1), (0.9, 0.9, 0.9)),
], ids=["three rates", "three sizes"])  # fmt: skip
def test_each_kind_has_its_own_share_and_size(sizes, rates):
    kind = np.arange(N) % 3
    kept = masked(sizes, rates, kind)
    for index, (size, rate) in enumerate(zip(sizes, rates, strict=True)):
        mine = kept[kind == index][:, ::size, ::size]
        assert abs(mine.mean() - (1 - rate)) < 4 * np.sqrt(rate * (1 - rate) / mine.size)
        full = mine.repeat(size, 1).repeat(size, 2)
        np.testing.assert_array_equal(kept[kind == index], full)
        if size < 4:
            assert not np.array_equal(full, full[:, ::4, ::4].repeat(4, 1).repeat(4, 2))


def test_a_block_is_kept_where_its_draw_exceeds_the_rate():
    draws = jnp.arange(16.0).reshape(1, 4, 4) / 16
    keep = masks.kept(draws, jnp.array([2]), jnp.array([0.5]))[0]
    assert keep.tolist() == [[False] * 4] * 2 + [[False, False, True, True]] * 2
    assert (np.asarray(masks.kept(draws, jnp.array([1]), jnp.array([0.5]))[0]).ravel()
            == (np.arange(16) > 8)).all()  # fmt: skip


def test_masks_are_new_each_time_and_each_image():
    one, two = (masked((4,), (0.5,), np.zeros(8, int), key) for key in (0, 1))
    assert not np.array_equal(one, two) and not np.array_equal(one[0], one[1])


def test_single_entries_serve_all_kinds():
    def kinds(size, rate):
        return tuple(masks.mask_kinds({"mask_size": size, "mask_rate": rate}).values())

    assert kinds((4,), (0.5, 0.7, 0.9)) == ((4, 4, 4), (0.5, 0.7, 0.9))
    assert kinds((4, 2, 1), (0.9,)) == ((4, 2, 1), (0.9, 0.9, 0.9))
    with pytest.raises(UserError, match="differ in length"):
        kinds((4, 2), (0.5, 0.7, 0.9))


def test_fixed_masks():
    patterns = masks.patterns()
    assert set(patterns) == set(typing.get_args(
        typing.get_args(typing.get_type_hints(DataConfig)["mask_pattern"])[0]
    ))  # fmt: skip
    assert patterns["centre8"].sum() == 16**2 and patterns["centre8"][8:24, 8:24].all()
    assert patterns["centre12"].sum() == 8**2 and patterns["centre12"][12:20, 12:20].all()
    for name, cell in (("checker4", 8), ("checker8", 4)):
        first = patterns[name]
        assert first.mean() == 0.5 and first[:cell, :cell].all() and not first[:cell, cell].any()
        assert first[cell : 2 * cell, cell : 2 * cell].all()
    inverses = {"centre8": "edge8", "centre12": "edge12"}
    inverses |= {name: f"{name}_inverse" for name in ("checker4", "checker8")}
    for name, inverse in inverses.items():
        np.testing.assert_array_equal(patterns[name], ~patterns[inverse])
    out = masks.fixed_mask(jax.random.key(0), jnp.ones((2, 32, 32, 3)), mask_pattern="edge8")
    np.testing.assert_array_equal(out[1, ..., 2] == 0, patterns["edge8"])
