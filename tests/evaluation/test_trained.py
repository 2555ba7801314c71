"""What `predict` refuses before it looks for a run."""

import numpy as np
import pytest

import jaxcifar
from jaxcifar.core.errors import UserError


@pytest.mark.parametrize("images, said", [
    (np.zeros((2, 32, 32, 3), np.float32), r"images are float32 \(2, 32, 32, 3\)\nallowed: uint8"),
    (np.zeros((32, 32, 3), np.uint8), r"images are uint8 \(32, 32, 3\)"),
    (np.zeros((2, 3, 32, 32), np.uint8), r"images are uint8 \(2, 3, 32, 32\)"),
])  # fmt: skip
def test_images_of_another_kind_are_refused(images, said, tmp_path):
    with pytest.raises(UserError, match=said):
        jaxcifar.predict(tmp_path, "a", images)
