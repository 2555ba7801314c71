"""The conditioned CNN: three convolutions, three dense layers, and knobs for all that was swept."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcifar.models.layers import BatchNorm, Dropout
from jaxcifar.models.network import Activation, Network
from jaxcifar.models.pooling import max_pool_tiles
from jaxcifar.models.spec import ModelSpec

HIDDEN = (512, 256)
"""Features of the hidden dense layers."""


class Cnn(Network):
    """Three times [conv 3x3 with bias, BatchNorm, activation, 2x2 max-pooling], then dense layers.

    Input (N, 32, 32, 3) float, output (N, classes) float32.

    Attributes:
        filters: channels of the three convolutions.
        activation: after every hidden layer; a name of `ACTIVATIONS` or "prelu".
        leaky_slope: the leaky_relu's slope for negative inputs; may be traced.
        use_batchnorm: BatchNorm between each convolution and its activation.
        dropout_rate: after each hidden dense layer; in [0, 1], may be traced.
        out_activation: "none", or "tanh" on the outputs for the squared-error loss.
        classes: number of outputs.
    """

    filters: tuple[int, ...] = (64, 128, 256)
    activation: str = "relu"
    leaky_slope: float = 0.1
    use_batchnorm: bool = True
    dropout_rate: float = 0.0
    out_activation: str = "none"
    classes: int = 10

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Outputs (logits unless `out_activation` is set) of a batch of images."""
        x, act = images, self.activation_fn(self.activation)
        for number, channels in enumerate(self.filters, start=1):
            x = self.conv(channels, padding=1, name=f"conv{number}")(x)
            if self.use_batchnorm:
                x = BatchNorm(name=f"bn{number}")(x, train)
            x = max_pool_tiles(act(x), 2)
        logits = self._classify(x.reshape(x.shape[0], -1), act, train)
        return jnp.tanh(logits) if self.out_activation == "tanh" else logits

    def _classify(self, x: jax.Array, act: Activation, train: bool) -> jax.Array:
        rate = self.traced("dropout_rate")
        for number, features in enumerate(HIDDEN, start=1):
            x = act(self.dense(features, name=f"fc{number}")(x))
            x = Dropout(name=f"drop{number}")(x, rate, train)
        return self.head(self.classes, name="fc3")(x)


ROWS = {
    "cnn": ModelSpec(
        Cnn,
        {
            "filters": (64, 128, 256),
            "activation": "relu",
            "leaky_slope": 0.1,
            "use_batchnorm": True,
            "dropout_rate": 0.0,
            "out_activation": "none",
            "init": "torch",
        },
        "three convolutions, three dense layers, every knob of the conditioned-CNN study",
        last_kernel=("fc3", "kernel"),
    )
}
