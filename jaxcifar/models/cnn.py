"""The conditioned CNN: three convolutions, three dense layers, and knobs for all that was swept."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcifar.models.layers import Activation, BatchNorm, Dropout, Network
from jaxcifar.models.pooling import max_pool_2x2

HIDDEN = (512, 256)
"""Features of the hidden dense layers."""


class Cnn(Network):
    """Three times [conv 3x3 with bias, BatchNorm, activation, 2x2 max-pooling], then dense layers.

    Input (N, 32, 32, 3) float, output (N, classes) float32.

    Attributes:
        filters: channels of the three convolutions.
        activation: after every hidden layer; a name of `ACTIVATIONS` or "prelu".
        leaky_slope: the leaky_relu's slope for negative inputs.
        use_batchnorm: BatchNorm between each convolution and its activation.
        dropout_rate: after each hidden dense layer; in [0, 1], may be traced.
        out_activation: "none", or "tanh" on the outputs for the squared-error loss.
        initialiser: of every kernel.
        classes: number of outputs.
    """

    filters: tuple[int, ...] = (64, 128, 256)
    activation: str = "relu"
    leaky_slope: float = 0.1
    use_batchnorm: bool = True
    dropout_rate: float = 0.0
    out_activation: str = "none"
    initialiser: str = "torch"
    classes: int = 10

    @nn.compact
    def __call__(self, images: jax.Array, train: bool) -> jax.Array:
        """Outputs (logits unless `out_activation` is set) of a batch of images."""
        x = images
        for number, channels in enumerate(self.filters, start=1):
            x = self.conv(channels, padding=1, initialiser=self.initialiser, name=f"conv{number}")(
                x
            )
            if self.use_batchnorm:
                x = BatchNorm(name=f"bn{number}")(x, train)
            x = max_pool_2x2(self._activate(f"act{number}", x))
        return self._classify(x.reshape(x.shape[0], -1), train)

    def _classify(self, x: jax.Array, train: bool) -> jax.Array:
        rate = self.traced("dropout_rate")
        for number, features in enumerate(HIDDEN, start=1):
            x = self.dense(features, initialiser=self.initialiser, name=f"fc{number}")(x)
            x = self._activate(f"fc_act{number}", x)
            x = Dropout(name=f"drop{number}")(x, rate, train)
        logits = self.head(self.classes, initialiser=self.initialiser, name="fc3")(x)
        return jnp.tanh(logits) if self.out_activation == "tanh" else logits

    def _activate(self, name: str, x: jax.Array) -> jax.Array:
        return Activation(self.activation, self.leaky_slope, name=name)(x)
