"""The contact sheet: what it shows is what a step sees, and the command writes it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxcifar import augment
from jaxcifar.config import Config, replace
from jaxcifar.core.keys import Purpose, key_at
from jaxcifar.data import CLASS_NAMES, contact_sheet, load
from jaxcifar.data.__main__ import main

LABELS = np.arange(8)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), np.uint8)


def test_a_column_is_what_that_step_sees(images):
    """The draws of the run's seed and step, with the normalisation undone."""
    overrides = {"data.augment": ("hflip",), "data.normalisation": "imagenet", "seed": 7}
    columns = contact_sheet.seen(replace(Config(), overrides), images, LABELS, 3)
    for step, (pixels, captions) in enumerate(columns):
        key = jax.random.fold_in(key_at(7, Purpose.AUGMENT, step), 0)
        expected = np.asarray(augment.hflip(key, jnp.asarray(images))) / 255
        np.testing.assert_allclose(pixels, expected, atol=1e-6)
        assert captions == ("",) * 8


def test_masks_come_in_turn(images):
    masks = {"data.augment": ("block_mask",), "data.mask_rate": (1.0, 0.0)}
    dropped, whole = contact_sheet.seen(replace(Config(), masks), images, LABELS, 2)
    mean = (0.4914, 0.4822, 0.4465)
    np.testing.assert_allclose(dropped.images, np.broadcast_to(mean, (8, 32, 32, 3)), atol=1e-6)
    np.testing.assert_allclose(whole.images, images / 255, atol=1e-6)


def test_captions_say_what_is_mixed():
    pairing = augment.Pairing(jnp.array([1, 0]), jnp.float32(0.75))
    assert contact_sheet._captions(np.array([3, 5]), pairing, CLASS_NAMES["cifar10"]) == (
        "0.75 cat\n0.25 dog", "0.75 dog\n0.25 cat",
    )  # fmt: skip


def test_a_sheet_of_synthetic_images_names_their_own_classes(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(
        contact_sheet, "_draw", lambda columns, title: drawn.append((columns, title)) or b""
    )
    config = replace(
        Config(), {"data.name": "synthetic", "data.augment": ("mix",), "data.mix_probs": (1.0, 0.0)}
    )
    images = load("synthetic", None, n_train=100, n_test=10)
    contact_sheet.contact_sheet(config, images, tmp_path / "sheet.png")
    ((original, *mixed), title) = drawn[0]
    assert "synthetic" in title
    assert set(original.captions) <= set(CLASS_NAMES["synthetic"])
    words = {line.split(maxsplit=1)[1] for column in mixed for text in column.captions
             for line in text.splitlines()}  # fmt: skip
    assert words and words <= set(CLASS_NAMES["synthetic"])


QUICK = "configs/r0_best.py:quick"
SMALL = ["--config.data.name=synthetic", "--config.data.n_train=40", "--config.data.augment=vflip"]


def test_the_command_writes_a_picture(tmp_path, capsys):
    out = tmp_path / "folder" / "sheet.png"
    assert main(["show", "--config", QUICK, *SMALL, f"--out={out}"]) == 0
    assert "8 images of synthetic, 9 steps of vflip" in capsys.readouterr().out
    with Image.open(out) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape[0] > 1000 and pixels.shape[1] > 1000 and pixels.std() > 20


@pytest.mark.parametrize("words, said", [
    ([], "which study?"), (["--config", "configs/r0_bets.py"], "did you mean 'configs/r0_best.py'"),
    (["--config", QUICK, *SMALL, "--config.data.n_train=8"], "shows 8 training images"),
    (["--config", QUICK, *SMALL, "--config.data.mix_alpha=1"], "has no effect"),
])  # fmt: skip
def test_refused(words, said, capsys, tmp_path):
    assert main(["show", *words, *([f"--out={tmp_path}/x.png"] if words else [])]) == 2
    assert said in capsys.readouterr().err and not any(tmp_path.iterdir())


def test_help_names_its_flags(capsys):
    assert main(["show", "--help"]) == 0
    assert "--out F.png" in capsys.readouterr().out
