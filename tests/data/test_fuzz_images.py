"""Files of images at random bytes: the records of a set, or refused in words."""

import random
import time

import numpy as np
import pytest
from fuzzed import mutated
from layout_files import SMALL, SMALL_LAYOUTS, pack, random_records, write_set

from jaxcifar.core.errors import UserError
from jaxcifar.data.formats.readers import read_archive, read_folder

SECONDS = 5


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Of each layout: a folder and an archive of it, with the way to read them."""
    place, records = tmp_path_factory.mktemp("fuzz"), random_records(6 * SMALL)
    found = []
    for layout in SMALL_LAYOUTS:
        folder = write_set(place / layout.folder, layout, records)
        archive = pack(folder, place / layout.archive)
        found += [
            (folder / layout.files[1], lambda layout=layout: read_folder(place / layout.folder,
                                                                         layout)),
            (archive, lambda archive=archive: read_archive(archive, SMALL_LAYOUTS)),
        ]  # fmt: skip
    return found


@pytest.mark.reliability("T20")
@pytest.mark.parametrize("count", [100, pytest.param(3000, marks=pytest.mark.slow)])
def test_mutated_files_of_images_are_records_or_refused(sources, count, tried):
    rng, refused = random.Random(count), 0
    for index in range(count):
        file, read = sources[index % len(sources)]
        content, began = file.read_bytes(), time.process_time()
        file.write_bytes(mutated(rng, content))
        try:
            found = read()
            assert found.shape == (6 * SMALL, 3073) and found.dtype == np.uint8
            assert (found[:, 0] < 10).all()
        except UserError as error:
            refused += 1
            assert 1 <= len(str(error).splitlines()) <= 3
        finally:
            file.write_bytes(content)
        assert time.process_time() - began < SECONDS
    assert refused > count / 10, "what is taken differs by pixels or labels, as other images do"
    tried(count)
