"""Arrays in `.safetensors` files: names, shapes and bytes, nothing that could run."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors.numpy

from jaxcifar.core.errors import UserError
from jaxcifar.core.files import given, write_atomically


def save_safetensors(
    path: Path | str, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a state dict, as a whole or not at all; `metadata` is text for people and tools."""
    content = safetensors.numpy.save(
        {key: np.ascontiguousarray(array) for key, array in arrays.items()},
        {"format": "pt", **(metadata or {})},
    )
    write_atomically(given(path), content)


def load_safetensors(path: Path | str) -> dict[str, np.ndarray]:
    """The arrays of a file by name.

    Raises: UserError: no such file, unreadable, or not a safetensors file (a pickle is never
        opened).
    """
    path = given(path)
    if not path.is_file():
        raise UserError(f"no file {path}")
    try:
        return safetensors.numpy.load(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    except safetensors.SafetensorError as error:
        raise UserError(
            f"{path} is not a safetensors file ({error})\n"
            "write one with safetensors.torch.save_file(net.state_dict(), path)"
        ) from error
