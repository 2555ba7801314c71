"""A deep linear network on the ten numbers that an image's bands of rows hold."""

import jax
from flax import linen as nn

from jaxcifar.core import number_bands
from jaxcifar.models.layers import BatchNorm
from jaxcifar.models.network import Network
from jaxcifar.models.spec import ModelSpec


class DeepLinear(Network):
    """Square matrices one after another, without biases and activations (after arXiv:1805.11604).

    Input (N, 32, 32, 3) float, normalised by "half", as pixels in [-1, 1]; the first matrix sees
    the numbers that `data.gaussian` wrote there, in standard deviations. Output (N, 10) float32.

    Attributes:
        depth: how many matrices of 10 x 10.
        norm: "batch" = BatchNorm after each matrix but the last; "none".
    """

    depth: int = 25
    norm: str = "none"

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """What the last matrix gives for each image."""
        size = number_bands.NUMBERS
        bands = images[:, : size * number_bands.ROWS].reshape(images.shape[0], size, -1)
        x = number_bands.DEVIATIONS * bands.mean(-1)
        for number in range(1, self.depth):
            x = self.dense(size, use_bias=False, name=f"fc{number}")(x)
            if self.norm == "batch":
                x = BatchNorm(name=f"bn{number}")(x, train)
        return self.head(size, use_bias=False, name="fc")(x)


ROWS = {
    "deep_linear": ModelSpec(
        DeepLinear,
        {"depth": 25, "norm": "none", "init": "torch"},
        "10 x 10 matrices one after another, of the ten numbers in an image of data.name=gaussian",
        first_kernel=("fc1", "kernel"),
    ),
}
