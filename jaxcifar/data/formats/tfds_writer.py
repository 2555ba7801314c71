"""Writes CIFAR-10 as TFDS's `cifar10` in array_record, without TensorFlow.

TFDS's own builder needs TensorFlow to unpack the archive and to encode the images. This one has
the same name, version, features and order of examples, and is handed records and encodes PNG with
Pillow, so that `tfds.data_source("cifar10")` reads what it wrote.
"""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jaxcifar.core.errors import UserError
from jaxcifar.data.dataset import CLASSES, Bytes, to_images


def write_tfds(train: Bytes, test: Bytes, out: Path) -> None:
    """Write `out`/cifar10/3.0.2. Args: train, test: records (N, 3073) uint8 in published order.

    Raises: UserError: the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stdout(io.StringIO()):  # TFDS speaks of downloading
            _builder(train, test, out).download_and_prepare()
    except OSError as error:
        raise UserError(
            f"{out} cannot be written: {error.strerror or error}\n"
            "expected a folder with 150 MB to spare\nnext: choose another with --out DIR"
        ) from None


def _builder(train: Bytes, test: Bytes, out: Path) -> Any:
    import tensorflow_datasets as tfds  # slow to import, and needed here only

    tfds.disable_progress_bar()  # its bars also run where there is no terminal
    base: Any = tfds.core.GeneratorBasedBuilder

    # The name is that of TFDS's own builder, which stays the registered one.
    class Cifar10(base, skip_registration=True):  # type: ignore[call-arg]  # of an Any
        """The CIFAR-10 dataset: 60,000 colour images of 32x32 pixels in ten classes."""

        VERSION = tfds.core.Version("3.0.2")

        def _info(self) -> Any:
            features = tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "image": tfds.features.Image(shape=(32, 32, 3)),
                    "label": tfds.features.ClassLabel(names=CLASSES),
                }
            )
            return tfds.core.DatasetInfo(
                builder=self,
                description=self.__doc__,
                features=features,
                supervised_keys=("image", "label"),
                homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
            )

        def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
            return {"train": _examples("train", train), "test": _examples("test", test)}

        def _generate_examples(self) -> Any:
            raise AssertionError("both splits bring their own examples")

    return Cifar10(data_dir=str(out), file_format="array_record")


def _examples(split: str, records: Bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    from PIL import Image  # slow to import, and needed here only

    images, labels = to_images(records)
    pairs = tqdm(zip(images, labels, strict=True), f"encoding {split}", len(images), disable=None)
    for index, (image, label) in enumerate(pairs):
        png = io.BytesIO()
        Image.fromarray(image).save(png, format="PNG")
        key = f"{split}_{index:05d}"
        yield key, {"id": key, "image": png.getvalue(), "label": int(label)}
