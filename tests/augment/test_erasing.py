"""RandomErasing against torchvision's given the same draws, and the draws' distribution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pictures import golden

from jaxcifar.augment import erasing

N = 4000
draw_boxes = jax.jit(erasing.draw_boxes, static_argnums=1)


@pytest.mark.parametrize("part", ["erase", "erase_wide"])
def test_rectangles_are_torchvisions_with_its_draws(part):
    """`erase_wide` has rectangles that do not fit, so that later tries, or none, count."""
    recorded = golden(part)
    top, left, height, width = (jnp.asarray(side) for side in recorded["box"].T)
    with jax.enable_x64(True):
        areas, aspects = jnp.asarray(recorded["areas"]), jnp.asarray(recorded["aspects"])
        found = jax.jit(erasing.first_fit, static_argnums=2)(areas, aspects, (32, 32))
    np.testing.assert_array_equal(found[0], height)
    np.testing.assert_array_equal(found[1], width)
    out = jax.jit(erasing.erase)(
        jnp.ones((len(top), 32, 32, 1)), erasing.Boxes(top, left, height, width)
    )
    rows, columns = np.mgrid[:32, :32]
    for image, (i, j, h, w) in zip(np.asarray(out)[..., 0], recorded["box"], strict=True):
        inside = (i <= rows) & (rows < i + h) & (j <= columns) & (columns < j + w)
        np.testing.assert_array_equal(image == 0, inside)
    if part == "erase_wide":
        areas, aspects = recorded["areas"][:, 0], recorded["aspects"][:, 0]
        assert (np.sqrt(areas * np.maximum(aspects, 1 / aspects)) > 32).any(), "none was refused"


@pytest.fixture(scope="module")
def boxes():
    """The report's numbers: p .5, area .04 to .2, aspect .5 to 2."""
    drawn = draw_boxes(
        jax.random.key(3), (N, 32, 32), 0.5, jnp.array([0.04, 0.2]), jnp.log(jnp.array([0.5, 2.0]))
    )
    return erasing.Boxes(*(np.asarray(side).astype(int) for side in drawn))


def test_half_of_the_images_are_erased(boxes):
    assert abs((boxes.height > 0).mean() - 0.5) < 4 * 0.5 / np.sqrt(N)


def test_rectangles_stay_inside_and_within_bounds(boxes):
    kept = boxes.height > 0
    top, left, height, width = (side[kept] for side in boxes)
    assert (top >= 0).all() and (top + height <= 32).all()
    assert (left >= 0).all() and (left + width <= 32).all()
    area, aspect = height * width / 1024, height / width
    # A side is rounded by up to half a pixel, which the smallest, 4.5 pixels, feels most.
    assert 0.033 < area.min() < 0.045 and 0.195 < area.max() < 0.21
    assert 0.44 < aspect.min() < 0.55 and 1.82 < aspect.max() < 2.3
    assert abs(area.mean() - 0.12) < 4 * 0.16 / np.sqrt(12 * kept.sum()) + 0.002
    assert abs(np.log(aspect).mean()) < 4 * np.log(4) / np.sqrt(12 * kept.sum())


def test_every_place_is_reached(boxes):
    """Also flush with each border, and evenly: the centre of the free room is the mean."""
    kept = boxes.height > 0
    for start, side in ((boxes.top, boxes.height), (boxes.left, boxes.width)):
        free = 32 - side[kept]
        assert (start[kept] == 0).any() and (start[kept] == free).any()
        share = (start[kept] + 0.5) / (free + 1)
        assert abs(share.mean() - 0.5) < 4 * np.sqrt(1 / 12 / kept.sum())


def test_what_never_fits_is_left_alone():
    drawn = draw_boxes(
        jax.random.key(0), (N, 32, 32), 1.0, jnp.array([1.0, 1.0]), jnp.array([0.5, 0.6])
    )
    assert not np.asarray(drawn.height).any()


def test_erased_is_black_before_normalisation():
    images = jnp.full((64, 32, 32, 3), 200, jnp.uint8)
    out = np.asarray(jax.jit(erasing.random_erasing)(
        jax.random.key(0), images, erase_probability=1.0, erase_area=jnp.array([0.04, 0.2]),
        erase_aspect=jnp.array([0.5, 2.0]),
    ))  # fmt: skip
    assert out.dtype == np.uint8 and set(np.unique(out)) == {0, 200}
    assert (out == 0).any((1, 2, 3)).all() and ((out == 0).all(-1) == (out == 0).any(-1)).all()
